/* The walk of a forward run, as each of its parts does it. */
#ifndef DLGRU_FORWARD_RUN_H
#define DLGRU_FORWARD_RUN_H

#include "forward.h"

typedef struct {
    forward_weights weights;
    forward_rows rows[DLGRU_MAX_PARTS];
} forward_memory;

/* A part's share of the panels; those that lie side by side are not torn apart. */
static range share_of_panels(const dlgru_run *run, int part, int parts) {
    const ptrdiff_t panels = panels_of(run->H), side = run->B == 1 ? ABREAST_PANELS : 1;
    const ptrdiff_t groups = (panels + side - 1) / side;
    return (range){smaller(panels, side * share(groups, part, parts)), smaller(panels, side * share(groups, part + 1, parts))};
}

static range units_of(const dlgru_run *run, int part, int parts) {
    if (!run->by_units) return (range){0, panels_of(run->H)};
    return share_of_panels(run, part, parts);
}

static size_t lay_out_forward(const dlgru_run *run, int parts, forward_memory *m) {
    cursor c = {run->memory, 0};
    lay_out_weights(run, &c, &m->weights);
    for (int part = 0; part < parts; part++) {
        const range units = units_of(run, part, parts), places = places_of(run, part, parts);
        const ptrdiff_t n = places.end - places.first, panels = units.end - units.first;
        const ptrdiff_t rows = larger(n, smaller(chunk_rows(run, parts), n * run->T));
        lay_out_rows(&c, &m->rows[part], rows, panels);
    }
    return c.used;
}

static size_t forward_bytes(const dlgru_run *run, int parts) {
    forward_memory m;
    return lay_out_forward(run, parts, &m);
}

/* What no step writes: outputs behind an observation's end, and the last states. */
static void finish_places(const dlgru_run *run, range places) {
    const size_t row = (size_t)run->H * sizeof(real);
    for (ptrdiff_t i = places.first; i < places.end; i++) {
        const ptrdiff_t b = observation(run, i), n = length_of(run, b);
        for (ptrdiff_t t = n; t < run->T; t++) memset(output_row(run, t, b), 0, row);
        const real *last = n ? output_row(run, run->downward ? 0 : n - 1, b)
                             : (const real *)run->h0.data + b * run->h0.next;
        memcpy((real *)run->last + b * run->H, last, row);
    }
}

/* The rows of some places for one step. */
static ptrdiff_t point_at_rows(const dlgru_run *run, forward_rows *r, ptrdiff_t t, range places) {
    const ptrdiff_t n = running(run, places, t), H = run->H;
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t b = observation(run, places.first + i);
        r->from[i] = state_before(run, t, b);
        r->to[i] = output_row(run, t, b);
        r->saved[i] = run->gates ? (real *)run->gates + (t * run->B + b) * saved_of(run) * H : NULL;
    }
    return n;
}

/* Walks over time with some shares in step.  Returns 0 if part 0 walks on alone. */
static int walk(const dlgru_run *run, forward_memory *m, int part, int parts, range *shares) {
    const forward_weights *w = &m->weights;
    const range places = places_of(run, (int)shares->first, parts); /* by units: of all shares */
    const ptrdiff_t most = m->rows[shares->first].most;
    for (ptrdiff_t s0 = 0, s1; s0 < run->T; s0 = s1) {
        ptrdiff_t rows = 0, first = 0;
        for (s1 = s0; s1 < run->T; s1++) {
            const ptrdiff_t n = running(run, places, time_of(run, s1));
            if (s1 > s0 && rows + n > most) break;
            rows += n;
        }
        for (ptrdiff_t p = shares->first; p < shares->end; p++) {
            const real **x = m->rows[p].x;
            for (ptrdiff_t s = s0; s < s1; s++) {
                const ptrdiff_t t = time_of(run, s), n = running(run, places, t);
                for (ptrdiff_t i = 0; i < n; i++) *x++ = input_row(&run->x, t, observation(run, places.first + i));
            }
            input_product(run, w, &m->rows[p], rows, units_of(run, (int)p, parts));
        }
        ptrdiff_t reached = s0;
        if (run->B == 1 && !run->before && shares->end - shares->first == 1) {
            const ptrdiff_t start = run->downward ? s1 - rows : s0, end = start + rows;
            reached = steps_of_one(run, w, &m->rows[part], 0, start, end, 0, rows, units_of(run, part, parts), part, parts, shares);
            if (reached == end) continue;
            if (part > 0) return 0;
            first = reached - start;
        }
        for (ptrdiff_t s = reached; s < s1; s++) {
            ptrdiff_t n = 0;
            for (int second = 0; second <= run->before; second++) {
                for (ptrdiff_t p = shares->first; p < shares->end; p++) {
                    forward_rows *r = &m->rows[p];
                    const range units = units_of(run, (int)p, parts);
                    n = running(run, places, time_of(run, s));
                    if (n == 1 && !run->before) {
                        steps_of_one(run, w, r, places.first, s, s + 1, first, rows, units, part, parts, shares);
                        continue;
                    }
                    point_at_rows(run, r, time_of(run, s), places);
                    if (run->before)
                        step_before(run, w, r, n, places.first, first, rows, units, second);
                    else
                        /* Every second step goes back over the panels: the last ones of the step
                           before still lie in the nearest cache. */
                        step_after(run, w, r, n, first, rows, units, (int)(s & 1));
                }
                if (run->by_units && !meet(run, part, parts, shares)) return 0;
            }
            first += n;
        }
    }
    return 1;
}

/* Marks what a part will write of the outputs. */
static void mark_outputs(const dlgru_run *run, range panels) {
    const ptrdiff_t unit = panels.first * LANES, end = smaller(run->H, panels.end * LANES);
    for (ptrdiff_t t = 0; t < length_of(run, 0); t++) set_marks(output_row(run, t, 0) + unit, end - unit);
}

static void forward_part(void *job, int part, int parts) {
    const dlgru_run *run = job;
    forward_memory m;
    range shares = {part, part + 1};
    lay_out_forward(run, parts, &m);
    if (!run->kept) pack_weights(run, &m.weights, share_of_panels(run, part, parts));
    if (exchanges(run)) mark_outputs(run, units_of(run, part, parts));
    if ((!run->kept || exchanges(run)) && !meet(run, part, parts, &shares)) return;
    if (run->by_units) {
        if (!walk(run, &m, part, parts, &shares)) return;
        if (exchanges(run) && !meet(run, part, parts, &shares)) return; /* for the last row */
        for (ptrdiff_t p = shares.first; p < shares.end; p++)
            finish_places(run, (range){share(run->B, p, parts), share(run->B, p + 1, parts)});
    } else {
        for (ptrdiff_t p = shares.first; p < shares.end; p++) {
            range one = {p, p + 1};
            walk(run, &m, part, parts, &one);
            finish_places(run, places_of(run, (int)p, parts));
        }
    }
}

#endif
