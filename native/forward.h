/* Forward: in each chunk of time one input product for all its rows, then step by step the
   recurrent product and the gates, tile by tile, so that sums never leave the first cache. */
#ifndef DLGRU_FORWARD_H
#define DLGRU_FORWARD_H

#include "exchange.h"
#include "gates.h"
#include "pack.h"
#include "places.h"
#include "tiles.h"

/* With so few rows reading the weights in place costs less than packing them. */
enum { IN_PLACE_ROWS = 4 };

/* Panels whose products a single row forms at once, and whose gates hide each other's latency. */
enum { ABREAST_PANELS = DLGRU_ABREAST };

typedef struct {
    int packed, gates; /* gates in R's panels: 3, or r and z alone where n comes later */
    int far;           /* they do not stay in the second cache */
    int abreast;       /* panels of R that lie side by side, as [k][panel][gate][lane] */
    real *W, *R;       /* panels; if not packed, only a last one that is not full */
    real *R_n;         /* before: groups of up to three vectors of n's rows */
    real *bias;        /* [panel][gate][lane] */
    real *bias_hidden; /* [panel][lane], added to R·h of n */
    real *opened, *update;
    ptrdiff_t padded; /* H in whole vectors */
} forward_weights;

/* What one part works with while it walks. */
typedef struct {
    real *input; /* W·x + b as [panel][row][gate][lane] */
    const real **x;
    const real **from;
    real **to, **saved;
    ptrdiff_t most; /* rows at most */
} forward_rows;

/* Rows of a chunk: what fits in 384 KiB, or, where weights do not stay in the second cache, so
   many that reading the weights is paid for. */
static ptrdiff_t chunk_rows(const dlgru_run *run, int parts) {
    const ptrdiff_t all = panels_of(run->H), panels = run->by_units ? (all + parts - 1) / parts : all;
    const ptrdiff_t row = larger(panels, 1) * 3 * LANES * (ptrdiff_t)sizeof(real);
    const ptrdiff_t fitting = 384 * 1024 / row;
    return larger(fitting, is_heavy(run) ? 128 : 1);
}

/* What is packed.  Where these weights have been packed before, nothing is taken from the run's memory. */
static void lay_out_packed(const dlgru_run *run, cursor *c, forward_weights *w) {
    const ptrdiff_t panels = panels_of(run->H), full = run->H / LANES;
    cursor before = {(char *)run->kept, 0};
    if (run->kept) c = &before;
    w->gates = run->before ? 2 : 3;
    w->abreast = run->B == 1 && w->packed && !run->before ? ABREAST_PANELS : 1;
    const size_t panel = LANES * sizeof(real), kept = (size_t)(w->packed ? panels : panels - full);
    w->W = piece(c, kept * 3 * (size_t)run->C * panel);
    w->R = piece(c, kept * (size_t)w->gates * (size_t)run->H * panel);
    w->R_n = run->before ? piece(c, kept * (size_t)run->H * panel) : NULL;
    w->bias = piece(c, (size_t)panels * 3 * panel);
    w->bias_hidden = piece(c, (size_t)panels * panel);
}

static void lay_out_weights(const dlgru_run *run, cursor *c, forward_weights *w) {
    w->packed = run->kept || run->T * run->B > IN_PLACE_ROWS;
    w->far = is_heavy(run);
    lay_out_packed(run, c, w);
    w->padded = panels_of(run->H) * LANES;
    w->opened = run->before ? piece(c, (size_t)(run->B * w->padded) * sizeof(real)) : NULL;
    w->update = run->before ? piece(c, (size_t)(run->B * w->padded) * sizeof(real)) : NULL;
}

static void lay_out_rows(cursor *c, forward_rows *r, ptrdiff_t rows, ptrdiff_t panels) {
    r->most = rows;
    r->input = piece(c, (size_t)(rows * panels * 3 * LANES) * sizeof(real));
    r->x = piece(c, (size_t)rows * sizeof(real *));
    r->from = piece(c, (size_t)rows * sizeof(real *));
    r->to = piece(c, (size_t)rows * sizeof(real *));
    r->saved = piece(c, (size_t)rows * sizeof(real *));
}

/* Numbers k … k+n-1 of the bias, n up to LANES. */
INLINE vec biases_from(const dlgru_run *run, ptrdiff_t k, ptrdiff_t n) {
    const real *at = (const real *)run->b.data + k * run->b.next;
    if (run->b.next == 1) return load_up_to(at, n);
    real gathered[LANES] = {0};
    for (ptrdiff_t i = 0; i < n; i++) gathered[i] = at[i * run->b.next];
    return load(gathered);
}

/* The panels that lie side by side with panel p. */
INLINE range group_around(const forward_weights *w, ptrdiff_t p, ptrdiff_t panels) {
    const ptrdiff_t first = p / w->abreast * w->abreast;
    return (range){first, smaller(first + w->abreast, panels)};
}

static void sum_biases(const dlgru_run *run, const forward_weights *w, ptrdiff_t p) {
    const ptrdiff_t H = run->H, unit = p * LANES, n = smaller(LANES, H - unit);
    const int two = run->biases == 6;
    for (int g = 0; g < 3; g++) {
        vec sum = run->biases ? biases_from(run, g * H + unit, n) : (vec){0};
        if (two && g < 2) sum += biases_from(run, (3 + g) * H + unit, n);
        store(w->bias + (p * 3 + g) * LANES, sum);
    }
    store(w->bias_hidden + p * LANES, two ? biases_from(run, 5 * H + unit, n) : (vec){0});
}

/* Packs the panels of a range: all, or, where weights are read in place, the one that is not full. */
static void pack_weights(const dlgru_run *run, const forward_weights *w, range units) {
    const ptrdiff_t H = run->H, C = run->C, step = w->gates * LANES;
    for (ptrdiff_t p = units.first; p < units.end; p++) sum_biases(run, w, p);
    ptrdiff_t p = w->packed ? units.first : larger(units.first, H / LANES);
    for (ptrdiff_t end; p < units.end; p = end) {
        panel_place of_W[PACKED_TOGETHER], of_R[PACKED_TOGETHER], of_R_n[PACKED_TOGETHER];
        end = smaller(p + PACKED_TOGETHER, units.end);
        for (ptrdiff_t i = p; i < end; i++) {
            const ptrdiff_t q = w->packed ? i : 0;
            const range side = group_around(w, q, panels_of(H)); /* one panel, unless they lie abreast */
            of_W[i - p] = (panel_place){w->W + q * C * 3 * LANES, 3 * LANES};
            of_R[i - p] = (panel_place){w->R + side.first * H * step + (q - side.first) * step, (side.end - side.first) * step};
            if (run->before) of_R_n[i - p] = (panel_place){w->R_n + q * H * LANES, LANES};
        }
        pack_panels(C, H, 3, p, end, run->W.data, run->W.next, of_W);
        pack_panels(H, H, w->gates, p, end, run->R.data, run->R.next, of_R);
        if (run->before) pack_panels(H, H, 1, p, end, (const real *)run->R.data + 2 * H, run->R.next, of_R_n);
    }
}

static size_t packed_bytes(const dlgru_run *run) {
    cursor c = {NULL, 0};
    forward_weights w = {.packed = 1};
    lay_out_packed(run, &c, &w);
    return c.used;
}

static void pack_all(const dlgru_run *run) {
    cursor c = {run->memory, 0};
    forward_weights w = {.packed = 1};
    lay_out_packed(run, &c, &w);
    pack_weights(run, &w, (range){0, panels_of(run->H)});
}

/* Points a tile at panel p of a matrix with K columns. */
INLINE int aim(const forward_weights *w, tile_operands *o, ptrdiff_t p, ptrdiff_t K, int gates,
               const real *packed, const dlgru_input *matrix, ptrdiff_t row, ptrdiff_t H) {
    const ptrdiff_t unit = p * LANES;
    if (!w->packed && unit + LANES <= H) {
        o->weights = (const real *)matrix->data + row + unit;
        o->next_k = matrix->next;
        o->next_vector = H;
        return IN_PLACE;
    }
    if (w->abreast > 1 && K == H && gates == 3 && packed == w->R) {
        const range g = group_around(w, p, panels_of(H));
        o->next_k = (g.end - g.first) * 3 * LANES;
        o->next_vector = LANES;
        o->weights = packed + g.first * H * 3 * LANES + (p - g.first) * 3 * LANES;
        return IN_PLACE;
    }
    o->weights = packed + (w->packed ? p : 0) * K * gates * LANES;
    return PACKED;
}

/* W·x + b for the first `rows` rows of x in the table, for the panels of a range.  A single row takes
   several panels at once where W is read in place: one panel's three chains wait for each other. */
static void input_product(const dlgru_run *run, const forward_weights *w, forward_rows *r,
                          ptrdiff_t rows, range units) {
    const int alone = rows == 1 && !w->packed;
    const ptrdiff_t full = smaller(units.end, run->H / LANES), next_panel = alone ? 3 * LANES : 0;
    tile_operands o = {.far = w->far, .next_init = next_panel, .next_init_last = next_panel, .next_out = 3 * LANES};
    for (ptrdiff_t p = units.first, count; p < units.end; p += count) {
        const int kind = aim(w, &o, p, run->C, 3, w->W, &run->W, 0, run->H);
        count = alone && p < full ? smaller(ABREAST_PANELS, full - p) : 1;
        o.init = w->bias + p * 3 * LANES;
        o.init_last = o.init + 2 * LANES;
        for (ptrdiff_t i = 0; i < rows; i += ROWS) {
            o.rows = r->x + i;
            o.out = r->input + ((p - units.first) * rows + i) * 3 * LANES;
            run_tile(kind, smaller(ROWS, rows - i), (int)(3 * count), run->C, &o);
        }
    }
}

/* Steps s0 … s1-1 of a single row, the one at `place`: up to four panels at once, where they lie side
   by side, in a panel's group or in the matrix itself.  The row's inputs start at row `first`.  All
   steps in one function: the calls and pointers of a step cost a tenth of it at H = 64.  Returns the
   step it has come to: s1, or an earlier one if from there on the parts have other shares. */
static ptrdiff_t steps_of_one(const dlgru_run *run, const forward_weights *w, const forward_rows *r, ptrdiff_t place,
                              ptrdiff_t s0, ptrdiff_t s1, ptrdiff_t first, ptrdiff_t rows, range units, int part,
                              int parts, range *shares) {
    _Alignas(64) real sums[WIDEST * LANES];
    const real *from[ABREAST_PANELS];
    real *to[ABREAST_PANELS], *saved[ABREAST_PANELS];
    const ptrdiff_t H = run->H, next_panel = rows * 3 * LANES, full = H / LANES, b = observation(run, place);
    const ptrdiff_t groups = (units.end - units.first + ABREAST_PANELS - 1) / ABREAST_PANELS;
    const range own = {units.first * LANES, smaller(H, units.end * LANES)};
    const gate_function close = closing_after[run->gate][run->act];
    const real *row = NULL;
    tile_operands o = {.rows = &row, .next_init = next_panel, .next_init_last = LANES, .out = sums};
    gate_operands g = {.sums = sums, .next_sums = 3 * LANES, .next_input = next_panel};
    g.from = from, g.to = to, g.saved = run->gates ? saved : NULL;
    const real *inputs = r->input + first * 3 * LANES;
    for (ptrdiff_t s = s0; s < s1; s++, inputs += 3 * LANES) {
        const ptrdiff_t t = time_of(run, s);
        real *out = output_row(run, t, b);
        real *gates = run->gates ? (real *)run->gates + (t * run->B + b) * 4 * H : NULL;
        /* Every second step goes back over the panels, and begins with states that were ready early. */
        const int turned = (int)(s & 1);
        row = state_before(run, t, b);
        if (exchanges(run) && s > first_step(run, b)) {
            if (!exchange(run, part, parts, shares, row, own)) return s;
        } else if (run->by_units) {
            ask_for(row, H);
        }
        o.turned = !turned;
        for (ptrdiff_t k = 0; k < groups; k++) {
            ptrdiff_t p = units.first + (turned ? groups - 1 - k : k) * ABREAST_PANELS;
            const ptrdiff_t end = smaller(p + ABREAST_PANELS, units.end);
            for (ptrdiff_t count; p < end; p += count) {
                int kind = PACKED;
                count = end - p;
                o.weights = w->R + p * H * 3 * LANES;
                if (w->abreast == 1) {
                    if (w->packed)
                        count = 1;
                    else if (p + count > full)
                        count = p < full ? full - p : 1;
                    kind = aim(w, &o, p, H, 3, w->R, &run->R, 0, H);
                }
                o.init = inputs + (p - units.first) * next_panel;
                o.init_last = w->bias_hidden + p * LANES;
                run_tile(kind, 1, (int)(3 * count), H, &o);
                g.unit = p * LANES;
                g.input = o.init + 2 * LANES;
                g.lanes = smaller(LANES, H - g.unit);
                for (ptrdiff_t q = 0; q < count; q++) {
                    from[q] = row + q * LANES, to[q] = out + q * LANES;
                    saved[q] = gates ? gates + q * 4 * LANES : NULL;
                }
                if (count > 1 && p + count > full && H > full * LANES) { /* the last one is not full */
                    gate_operands last = g;
                    last.unit += (count - 1) * LANES, last.lanes = H - last.unit;
                    last.sums += (count - 1) * 3 * LANES, last.input += (count - 1) * next_panel;
                    close((int)count - 1, &g);
                    close(1, &last);
                } else {
                    close((int)count, &g);
                }
            }
        }
    }
    return s1;
}

/* The recurrent product and the gates for `n` rows of the table, whose inputs start at row `first`
   of `rows`. */
static void step_after(const dlgru_run *run, const forward_weights *w, const forward_rows *r,
                       ptrdiff_t n, ptrdiff_t first, ptrdiff_t rows, range units, int turned) {
    _Alignas(64) real sums[ROWS * 3 * LANES];
    const ptrdiff_t H = run->H, next_panel = rows * 3 * LANES, blocks = (n + ROWS - 1) / ROWS;
    const gate_function close = closing_after[run->gate][run->act];
    tile_operands o = {.far = w->far, .next_init = 3 * LANES, .next_init_last = 0, .out = sums, .next_out = 3 * LANES};
    gate_operands g = {.sums = sums, .next_sums = 3 * LANES, .next_input = 3 * LANES};
    for (ptrdiff_t done = 0; done < units.end - units.first; done++) {
        const ptrdiff_t p = turned ? units.end - 1 - done : units.first + done;
        const real *input = r->input + (p - units.first) * next_panel + first * 3 * LANES;
        const int kind = aim(w, &o, p, H, 3, w->R, &run->R, 0, H);
        g.unit = p * LANES;
        g.lanes = smaller(LANES, H - g.unit);
        o.init_last = w->bias_hidden + p * LANES;
        for (ptrdiff_t k = 0; k < blocks; k++) {
            const ptrdiff_t i = share(n, k, blocks), m = share(n, k + 1, blocks) - i;
            o.rows = r->from + i;
            o.init = input + i * 3 * LANES;
            run_tile(kind, m, 3, H, &o);
            g.input = o.init + 2 * LANES;
            g.from = r->from + i, g.to = r->to + i, g.saved = run->gates ? r->saved + i : NULL;
            close((int)m, &g);
        }
    }
}

/* The same with the reset gate before: first r and z, then (`second`) the product of r∘h and the
   state.  `place` is where the rows stand in `opened`. */
static void step_before(const dlgru_run *run, const forward_weights *w, const forward_rows *r, ptrdiff_t n,
                        ptrdiff_t place, ptrdiff_t first, ptrdiff_t rows, range units, int second) {
    static const _Alignas(64) real zeros[LANES];
    _Alignas(64) real sums[ROWS * 2 * LANES];
    const real *opened_rows[ROWS];
    const ptrdiff_t H = run->H, next_panel = rows * 3 * LANES, blocks = (n + ROWS - 1) / ROWS;
    tile_operands o = {.out = sums, .next_out = 2 * LANES};
    gate_operands g = {.sums = sums, .next_sums = 2 * LANES, .next_input = 3 * LANES, .next_opened = w->padded};
    for (ptrdiff_t p = units.first; p < units.end; p++) {
        const real *input = r->input + (p - units.first) * next_panel + first * 3 * LANES;
        const int kind = second ? aim(w, &o, p, H, 1, w->R_n, &run->R, 2 * H, H)
                                : aim(w, &o, p, H, 2, w->R, &run->R, 0, H);
        g.unit = p * LANES;
        g.lanes = smaller(LANES, H - g.unit);
        for (ptrdiff_t k = 0; k < blocks; k++) {
            const ptrdiff_t i = share(n, k, blocks), m = share(n, k + 1, blocks) - i;
            g.opened = w->opened + (place + i) * w->padded;
            g.update = w->update + (place + i) * w->padded;
            g.from = r->from + i, g.to = r->to + i, g.saved = run->gates ? r->saved + i : NULL;
            if (second) {
                for (ptrdiff_t j = 0; j < m; j++) opened_rows[j] = g.opened + j * w->padded;
                o.rows = opened_rows;
                o.init_last = zeros;
                o.next_init_last = 0;
                run_tile(kind, m, 1, H, &o);
                g.input = input + i * 3 * LANES + 2 * LANES;
                closing_before[run->act]((int)m, &g);
            } else {
                o.rows = r->from + i;
                o.init = input + i * 3 * LANES;
                o.init_last = o.init + LANES;
                o.next_init = o.next_init_last = 3 * LANES;
                run_tile(kind, m, 2, H, &o);
                opening_before[run->gate]((int)m, &g);
            }
        }
    }
}

#endif
