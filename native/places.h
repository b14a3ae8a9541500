/* Which rows there are: places of observations, steps of time, and where their values lie. */
#ifndef DLGRU_PLACES_H
#define DLGRU_PLACES_H

#include "run.h"
#include "vector.h"

typedef struct {
    ptrdiff_t first, end;
} range;

/* Step s of the walk is this time step. */
INLINE ptrdiff_t time_of(const dlgru_run *run, ptrdiff_t s) { return run->downward ? run->T - 1 - s : s; }

INLINE ptrdiff_t observation(const dlgru_run *run, ptrdiff_t i) { return run->order ? run->order[i] : i; }

INLINE ptrdiff_t length_of(const dlgru_run *run, ptrdiff_t b) { return run->lengths ? run->lengths[b] : run->T; }

/* The places of a range that run at time t. */
INLINE ptrdiff_t running(const dlgru_run *run, range places, ptrdiff_t t) {
    const ptrdiff_t end = run->active ? smaller(places.end, run->active[t]) : places.end;
    return larger(0, end - places.first);
}

INLINE range places_of(const dlgru_run *run, int part, int parts) {
    if (run->by_units || parts == 1) return (range){0, run->B};
    return (range){run->first[part], run->first[part + 1]};
}

/* Row b of the outputs at time t. */
INLINE real *output_row(const dlgru_run *run, ptrdiff_t t, ptrdiff_t b) {
    return (real *)run->y + (t * run->B + b) * run->H;
}

/* The first step of the walk at which observation b runs. */
INLINE ptrdiff_t first_step(const dlgru_run *run, ptrdiff_t b) {
    return run->downward ? run->T - length_of(run, b) : 0;
}

/* The state from which observation b takes its step at time t.  Walking downward it starts at
   its own last step; the output after that one is a zero, not a state. */
INLINE const real *state_before(const dlgru_run *run, ptrdiff_t t, ptrdiff_t b) {
    const ptrdiff_t start = run->downward ? length_of(run, b) - 1 : 0;
    if (t == start) return (const real *)run->h0.data + b * run->h0.next;
    return output_row(run, run->downward ? t + 1 : t - 1, b);
}

INLINE const real *input_row(const dlgru_input *input, ptrdiff_t t, ptrdiff_t b) {
    return (const real *)input->data + b * input->next + t * input->far;
}

/* Values that backward needs, a unit. */
INLINE ptrdiff_t saved_of(const dlgru_run *run) { return run->before ? 3 : 4; }

/* W and R, or their gradients, do not stay in the second cache beside everything else. */
INLINE int is_heavy(const dlgru_run *run) {
    return 3 * run->H * (run->C + run->H) * (ptrdiff_t)sizeof(real) > 768 * 1024;
}

/* A part has shares of the work: its own one, or, where other programs hold the processors, part 0
   has those of all.  Between two meetings shares may be done in any order.  Returns 0 if this
   part has nothing more to do. */
INLINE int meet(const dlgru_run *run, int part, int parts, range *shares) {
    if (shares->end - shares->first == parts || dlgru_barrier_wait(run->barrier, part)) return 1;
    *shares = (range){0, parts};
    return part == 0;
}

/* Asks for a row that other parts have just written, all of it at once: its lines come one by one
   otherwise, each 60 to 280 ns late.  A run of one observation takes 1 % less time so, and up to 5 %
   less where the processors are far from each other. */
INLINE void ask_for(const real *row, ptrdiff_t count) {
    for (ptrdiff_t k = 0; k < count; k += 64 / (ptrdiff_t)sizeof(real)) __builtin_prefetch(row + k);
}

/* Pieces of the run's memory, each on a 64-byte boundary.  With base NULL they are only counted. */
typedef struct {
    char *base;
    size_t used;
} cursor;

INLINE void *piece(cursor *c, size_t bytes) {
    void *found = c->base ? c->base + c->used : NULL;
    c->used += (bytes + 63) & ~(size_t)63;
    return found;
}

#endif
