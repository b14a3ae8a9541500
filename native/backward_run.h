/* The walk of a backward run, as each of its parts does it. */
#ifndef DLGRU_BACKWARD_RUN_H
#define DLGRU_BACKWARD_RUN_H

#include "backward.h"
#include "forward_run.h"

typedef struct {
    backward_weights weights;
    chunk chunk;
    forward_weights again; /* to rebuild gates */
    forward_rows rows[DLGRU_MAX_PARTS];
    real *spare[DLGRU_MAX_PARTS];  /* where states go that are known already */
    real *left;                    /* left sides of the products for weights, packed */
    real *packed[DLGRU_MAX_PARTS]; /* three vectors of columns of the right side */
} backward_memory;

/* Groups of hidden units of one part, and the panels in them. */
static range groups_for(const dlgru_run *run, int part, int parts) {
    const ptrdiff_t groups = groups_of_R(run, parts);
    if (!run->by_units) return (range){0, groups};
    return (range){share(groups, part, parts), share(groups, part + 1, parts)};
}

static range panels_in(const dlgru_run *run, range groups, int parts) {
    const ptrdiff_t panels = panels_of(run->H), all = groups_of_R(run, parts);
    return (range){group_start(panels, all, groups.first), group_start(panels, all, groups.end)};
}

/* The gradients of the weights, as products over the rows of a chunk. */
static gradients gradients_of(const dlgru_run *run, const backward_memory *m, int started) {
    const chunk *c = &m->chunk;
    const ptrdiff_t H = run->H;
    gradients g = {.right = c->d, .next_right = c->next, .started = started};
    const gradient of_R = {.left = c->from, .units = H, .columns = 3 * H, .to = run->dR, .next_to = 3 * H, .turned = H};
    if (run->dR && !run->before) g.of[g.count++] = of_R;
    if (run->dR && run->before) {
        g.of[g.count] = of_R;
        g.of[g.count].columns = 2 * H, g.of[g.count++].turned = 0;
        g.of[g.count++] = (gradient){.left = (const real *const *)c->opened_rows, .units = H, .first = 2 * H,
                                     .columns = H, .to = (real *)run->dR + 2 * H, .next_to = 3 * H};
    }
    if (run->dW)
        g.of[g.count++] = (gradient){.left = c->x, .units = run->C, .first = (saved_of(run) - 3) * H, .columns = 3 * H,
                                     .to = run->dW, .next_to = 3 * H};
    real *packed = m->left;
    for (int k = 0; k < g.count; k++) {
        g.of[k].packed = packed;
        packed += c->most * blocks_of(g.of[k].units) * ROWS;
    }
    return g;
}

static size_t lay_out_backward(const dlgru_run *run, int parts, backward_memory *m) {
    cursor c = {run->memory, 0};
    lay_out_backward_weights(run, &c, &m->weights);
    lay_out_chunk(run, &c, &m->chunk, backward_chunk_rows(run));
    if (!run->gates) lay_out_weights(run, &c, &m->again);
    const ptrdiff_t blocks = (run->dW ? blocks_of(run->C) : 0) + (run->dR ? (1 + run->before) * blocks_of(run->H) : 0);
    m->left = piece(&c, (size_t)(m->chunk.most * blocks * ROWS) * sizeof(real));
    for (int part = 0; part < parts; part++) {
        const range groups = groups_for(run, part, parts), panels = panels_in(run, groups, parts);
        m->packed[part] = piece(&c, (size_t)(3 * LANES * MOST_ROWS_AT_ONCE) * sizeof(real));
        if (run->gates) continue;
        lay_out_rows(&c, &m->rows[part], m->chunk.most, panels.end - panels.first);
        m->spare[part] = piece(&c, (size_t)run->H * sizeof(real));
    }
    return c.used;
}

static size_t backward_bytes(const dlgru_run *run, int parts) {
    backward_memory m;
    return lay_out_backward(run, parts, &m);
}

/* Points share p at its rows of a chunk; returns their number. */
static ptrdiff_t rows_again(const dlgru_run *run, const backward_memory *m, ptrdiff_t s0, ptrdiff_t s1, ptrdiff_t p,
                            int parts) {
    const chunk *c = &m->chunk;
    const forward_rows *r = &m->rows[p];
    const range places = places_of(run, (int)p, parts), all = {0, run->B};
    ptrdiff_t rows = 0, first = 0;
    for (ptrdiff_t s = s0; s < s1; s++) {
        const ptrdiff_t t = time_of(run, s), n = running(run, places, t);
        for (ptrdiff_t i = 0; i < n; i++, rows++) {
            const ptrdiff_t row = first + places.first + i;
            r->x[rows] = c->x[row], r->from[rows] = c->from[row];
            r->saved[rows] = c->saved[row], r->to[rows] = m->spare[p];
        }
        first += running(run, all, t);
    }
    return rows;
}

/* Rebuilds the gates of a chunk, all steps at once: every state is known. */
static int gates_again(const dlgru_run *run, backward_memory *m, ptrdiff_t s0, ptrdiff_t s1, int part, int parts,
                       range *shares) {
    dlgru_run saving = *run;
    saving.gates = m->chunk.gates;
    ptrdiff_t rows[DLGRU_MAX_PARTS], rounds = 0;
    for (ptrdiff_t p = shares->first; p < shares->end; p++) {
        const range units = panels_in(run, groups_for(run, (int)p, parts), parts), places = places_of(run, (int)p, parts);
        rows[p] = rows_again(run, m, s0, s1, p, parts);
        input_product(&saving, &m->again, &m->rows[p], rows[p], units);
        if (!run->before) step_after(&saving, &m->again, &m->rows[p], rows[p], 0, rows[p], units, 0);
        const ptrdiff_t own = larger(1, places.end - places.first);
        rounds = larger(rounds, (rows[p] + own - 1) / own);
    }
    /* By units all shares have the same rows, and this part may come to do those of others. */
    for (int p = 0; run->by_units && p < parts; p++) rows[p] = rows[part];
    /* r∘h needs a place for each row: as many rows at a time as there are observations. */
    for (ptrdiff_t round = 0; run->before && round < rounds; round++)
        for (int second = 0; second < 2; second++) {
            for (ptrdiff_t p = shares->first; p < shares->end; p++) {
                const range units = panels_in(run, groups_for(run, (int)p, parts), parts);
                const range places = places_of(run, (int)p, parts);
                const ptrdiff_t own = places.end - places.first, from = smaller(round * own, rows[p]);
                const ptrdiff_t n = smaller(own, rows[p] - from);
                forward_rows some = m->rows[p];
                some.from += from, some.to += from, some.saved += from;
                step_before(&saving, &m->again, &some, n, places.first, from, rows[p], units, second);
            }
            if (run->by_units && !meet(run, part, parts, shares)) return 0;
        }
    return 1;
}

/* The gradients of the gates of one step, for one share. */
static void slopes_of_step(const dlgru_run *run, const backward_memory *m, ptrdiff_t t, ptrdiff_t first, int second,
                           int p, int parts) {
    enum { AT_ONCE = 64 };
    const backward_weights *w = &m->weights;
    const chunk *c = &m->chunk;
    const range places = places_of(run, p, parts), panels = panels_in(run, groups_for(run, p, parts), parts);
    const ptrdiff_t H = run->H, n = running(run, places, t);
    const real *dy_rows[AT_ONCE];
    slope_operands o = {
        .next_carry = w->padded, .H = H, .unit = panels.first * LANES, .end = smaller(H, panels.end * LANES)};
    const slope_function slopes = second         ? sloping_opened[run->gate]
                                  : run->before ? sloping_before[run->gate][run->act]
                                                : sloping_after[run->gate][run->act];
    for (ptrdiff_t i = 0; i < n; i += AT_ONCE) {
        const ptrdiff_t some = smaller(AT_ONCE, n - i), place = places.first + i, row = first + place;
        for (ptrdiff_t k = 0; run->dy.data && k < some; k++)
            dy_rows[k] = input_row(&run->dy, t, observation(run, place + k));
        o.saved = (const real *const *)c->saved + row, o.from = c->from + row;
        o.dy = run->dy.data ? dy_rows : NULL;
        o.d = c->d_rows + row, o.carry = w->carry + place * w->padded;
        if (second) {
            o.d_opened = w->d_opened + place * w->padded;
            o.opened = c->opened_rows + row;
        }
        slopes((int)some, &o);
    }
}

/* The recurrent product of one step, for one share. */
static void product_of_step(const dlgru_run *run, const backward_memory *m, ptrdiff_t t, ptrdiff_t first, int second,
                            int p, int parts) {
    const backward_weights *w = &m->weights;
    const range places = places_of(run, p, parts), groups = groups_for(run, p, parts);
    const ptrdiff_t H = run->H, n = running(run, places, t), all = groups_of_R(run, parts);
    if (!n) return;
    real *const *d_rows = m->chunk.d_rows + first + places.first;
    real *carry = w->carry + places.first * w->padded;
    recurrent_product product = {.K = 3 * H, .weights = w->R, .init = carry, .to = carry, .turned = (int)(t & 1)};
    if (run->before && second) {
        product.K = 2 * H;
    } else if (run->before) {
        product.K = H, product.at = 2 * H, product.weights = w->R_n;
        product.init = NULL, product.to = w->d_opened + places.first * w->padded;
    }
    if (run->by_units && n == 1) ask_for(d_rows[0], 3 * H);
    carry_on(w, H, all, groups, n, d_rows, &product);
}

/* Packs one share of the left sides: those that are known before the walk, or r∘h. */
static void pack_left_sides(const dlgru_run *run, const backward_memory *m, ptrdiff_t rows, int opened, int part, int parts) {
    const gradients g = gradients_of(run, m, 0);
    for (int k = 0; k < g.count; k++)
        if ((g.of[k].left == (const real *const *)m->chunk.opened_rows) == opened)
            pack_left(&g.of[k], rows, share(rows, part, parts), share(rows, part + 1, parts));
}

/* The chunk's share of the gradients that gather over rows. */
static void gather(const dlgru_run *run, const backward_memory *m, ptrdiff_t rows, int started, int part, int parts) {
    const chunk *c = &m->chunk;
    const ptrdiff_t H = run->H, kinds = saved_of(run);
    if (run->dx)
        gradient_of_x(run, &m->weights, c, (range){share(rows, part, parts), share(rows, part + 1, parts)});
    if (run->db) {
        const ptrdiff_t vectors = panels_of(kinds * H);
        const ptrdiff_t first = share(vectors, part, parts) * LANES;
        add_columns(c->d, c->next, rows, first, smaller(kinds * H, share(vectors, part + 1, parts) * LANES), m->weights.db);
    }
    const gradients g = gradients_of(run, m, started);
    if (g.count) add_gradients(&g, rows, part, parts, m->packed[part]);
}

/* What is left when the walk is over. */
static void finish_gradients(const dlgru_run *run, const backward_memory *m) {
    const ptrdiff_t H = run->H, C = run->C;
    if (run->dh0)
        for (ptrdiff_t i = 0; i < run->B; i++)
            memcpy((real *)run->dh0 + observation(run, i) * H, m->weights.carry + i * m->weights.padded, (size_t)H * sizeof(real));
    if (run->db) {
        const real *sum = m->weights.db;
        memcpy(run->db, sum + (saved_of(run) - 3) * H, (size_t)(3 * H) * sizeof(real));
        if (run->biases == 6) {
            memcpy((real *)run->db + 3 * H, sum + H, (size_t)(2 * H) * sizeof(real));
            memcpy((real *)run->db + 5 * H, sum, (size_t)H * sizeof(real));
        }
    }
    if (run->dx && run->lengths)
        for (ptrdiff_t b = 0; b < run->B; b++)
            for (ptrdiff_t t = run->lengths[b]; t < run->T; t++)
                memset((real *)run->dx + (t * run->B + b) * C, 0, (size_t)C * sizeof(real));
}

/* Packs a part's share and sets the sums to what they start from. */
static void start_back(const dlgru_run *run, const backward_memory *m, int part, int parts) {
    const backward_weights *w = &m->weights;
    const ptrdiff_t H = run->H, groups_R = groups_of_R(run, parts);
    const ptrdiff_t groups_W = groups_of(panels_of(run->C), 3);
    pack_groups(run, w, (range){share(groups_R, part, parts), share(groups_R, part + 1, parts)}, groups_R, 0);
    if (run->dx) pack_groups(run, w, (range){share(groups_W, part, parts), share(groups_W, part + 1, parts)}, groups_W, 1);
    if (!run->gates)
        pack_weights(run, &m->again, share_of_panels(run, part, parts));
    for (ptrdiff_t i = share(run->B, part, parts); i < share(run->B, part + 1, parts); i++) {
        real *carry = w->carry + i * w->padded;
        memset(carry, 0, (size_t)w->padded * sizeof(real));
        if (run->dlast.data)
            memcpy(carry, (const real *)run->dlast.data + observation(run, i) * run->dlast.next, (size_t)H * sizeof(real));
    }
    if (part == 0 && run->db) memset(w->db, 0, (size_t)(saved_of(run) * H) * sizeof(real));
    /* No row may ever run: then the gradients of weights are zeros. */
    if (part == 0 && run->active && !run->active[0]) {
        if (run->dW) memset(run->dW, 0, (size_t)(3 * H * run->C) * sizeof(real));
        if (run->dR) memset(run->dR, 0, (size_t)(3 * H * H) * sizeof(real));
    }
}

/* Fills the table of rows for steps s0 … s1-1; returns their number. */
static ptrdiff_t table(const dlgru_run *run, chunk *c, ptrdiff_t s0, ptrdiff_t s1) {
    const ptrdiff_t H = run->H, kinds = saved_of(run);
    const range all = {0, run->B};
    ptrdiff_t rows = 0;
    for (ptrdiff_t s = s0; s < s1; s++) {
        const ptrdiff_t t = time_of(run, s), n = running(run, all, t);
        for (ptrdiff_t i = 0; i < n; i++, rows++) {
            const ptrdiff_t b = observation(run, i), row = t * run->B + b;
            c->x[rows] = input_row(&run->x, t, b);
            c->from[rows] = state_before(run, t, b);
            c->dx[rows] = run->dx ? (real *)run->dx + row * run->C : NULL;
            c->saved[rows] = run->gates ? (real *)run->gates + row * kinds * H : c->gates + rows * kinds * H;
            c->d_rows[rows] = c->d + rows * c->next;
            c->opened_rows[rows] = run->before ? c->opened + rows * H : NULL;
        }
    }
    return rows;
}

static int walk_back(const dlgru_run *run, backward_memory *m, int part, int parts, range *shares) {
    const range all = {0, run->B};
    const ptrdiff_t all_rows = dlgru_rows(run), chunks = backward_chunks(run);
    ptrdiff_t done = 0, number = 0;
    for (ptrdiff_t s1 = run->T, s0; s1 > 0; s1 = s0, number++) {
        ptrdiff_t rows = 0;
        const ptrdiff_t enough = share(all_rows, number + 1, chunks) - done;
        for (s0 = s1; s0 > 0; s0--) {
            const ptrdiff_t n = running(run, all, time_of(run, s0 - 1));
            if (rows && n && rows >= enough) break;
            rows += n;
        }
        if (part == 0) table(run, &m->chunk, s0, s1);
        if (!meet(run, part, parts, shares)) return 0;
        for (ptrdiff_t p = shares->first; p < shares->end; p++) pack_left_sides(run, m, rows, 0, (int)p, parts);
        if (!run->gates && !gates_again(run, m, s0, s1, part, parts, shares)) return 0;
        ptrdiff_t first = rows;
        for (ptrdiff_t s = s1 - 1; s >= s0; s--) {
            const ptrdiff_t t = time_of(run, s);
            first -= running(run, all, t);
            for (int second = 0; second <= run->before; second++) {
                for (ptrdiff_t p = shares->first; p < shares->end; p++)
                    slopes_of_step(run, m, t, first, second, (int)p, parts);
                /* What comes before the first step has a gradient only if somebody asked for it. */
                if (s == 0 && second == run->before && !run->dh0) break;
                if (run->by_units && !meet(run, part, parts, shares)) return 0;
                for (ptrdiff_t p = shares->first; p < shares->end; p++)
                    product_of_step(run, m, t, first, second, (int)p, parts);
            }
        }
        if (!meet(run, part, parts, shares)) return 0;
        if (run->before && run->dR) {
            for (ptrdiff_t p = shares->first; p < shares->end; p++) pack_left_sides(run, m, rows, 1, (int)p, parts);
            if (!meet(run, part, parts, shares)) return 0;
        }
        for (ptrdiff_t p = shares->first; rows && p < shares->end; p++) gather(run, m, rows, done > 0, (int)p, parts);
        done += rows;
        if (!meet(run, part, parts, shares)) return 0;
    }
    return 1;
}

static void backward_part(void *job, int part, int parts) {
    const dlgru_run *run = job;
    backward_memory m;
    range shares = {part, part + 1};
    lay_out_backward(run, parts, &m);
    start_back(run, &m, part, parts);
    if (walk_back(run, &m, part, parts, &shares) && part == 0) finish_gradients(run, &m);
}

#endif
