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
        const ptrdiff_t rows = larger(n, smaller(chunk_rows(run, panels), n * run->T));
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

static void forward_part(void *job, int part, int parts) {
    const dlgru_run *run = job;
    forward_memory m;
    lay_out_forward(run, parts, &m);
    const forward_weights *w = &m.weights;
    forward_rows *r = &m.rows[part];
    const range units = units_of(run, part, parts), places = places_of(run, part, parts);
    const ptrdiff_t H = run->H, T = run->T;
    pack_weights(run, w, share_of_panels(run, part, parts));
    meet(run, part, parts);

    for (ptrdiff_t s0 = 0, s1; s0 < T; s0 = s1) {
        ptrdiff_t rows = 0, n = running(run, places, time_of(run, s0));
        for (s1 = s0; s1 < T && (s1 == s0 || rows + n <= r->most);) {
            const ptrdiff_t t = time_of(run, s1++);
            for (ptrdiff_t i = 0; i < n; i++)
                r->x[rows++] = input_row(&run->x, t, observation(run, places.first + i));
            if (s1 < T) n = running(run, places, time_of(run, s1));
        }
        input_product(run, w, r, rows, units);
        ptrdiff_t first = 0;
        for (ptrdiff_t s = s0; s < s1; s++) {
            const ptrdiff_t t = time_of(run, s);
            n = running(run, places, t);
            for (ptrdiff_t i = 0; i < n; i++) {
                const ptrdiff_t b = observation(run, places.first + i);
                r->from[i] = state_before(run, t, b);
                r->to[i] = output_row(run, t, b);
                r->saved[i] = run->gates ? (real *)run->gates + (t * run->B + b) * saved_of(run) * H : NULL;
            }
            if (run->before) {
                step_before(run, w, r, n, places.first, first, rows, units, part, parts);
            } else {
                /* Every second step goes back over the panels: the last ones of the step before
                   still lie in the nearest cache (a quarter less time at T,B,C,H = 1000,1,16,64). */
                step_after(run, w, r, n, first, rows, units, (int)(s & 1));
                if (run->by_units) meet(run, part, parts);
            }
            first += n;
        }
    }
    if (run->by_units)
        finish_places(run, (range){share(run->B, part, parts), share(run->B, part + 1, parts)});
    else
        finish_places(run, places);
}

#endif
