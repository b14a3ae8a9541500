/* Adam's update of one parameter, in one pass over memory.

   NumPy needs a dozen passes, and the update of a recurrent layer is bound by memory: at 35,000
   parameters this takes a seventh of the time.  The loop is left to the compiler's vectoriser:
   it has square root and division, which the vector extension lacks. */
#ifndef DLGRU_UPDATES_H
#define DLGRU_UPDATES_H

#include "run.h"
#include "vector.h"

static void adam_update(const dlgru_adam *a) {
    const real *p = a->p, *g = a->g, *m = a->m, *v = a->v;
    real *restrict new_p = a->new_p, *restrict new_m = a->new_m, *restrict new_v = a->new_v;
    const real old_m = (real)a->beta1, part_m = (real)(1 - a->beta1);
    const real old_v = (real)a->beta2, part_v = (real)(1 - a->beta2);
    const real step = (real)a->step, epsilon = (real)a->epsilon;
    for (ptrdiff_t i = 0; i < a->count; i++) {
        const real average = old_m * m[i] + part_m * g[i];
        const real square = old_v * v[i] + part_v * (g[i] * g[i]);
        new_m[i] = average;
        new_v[i] = square;
#if REAL_BITS == 32
        new_p[i] = p[i] - step * (average / (__builtin_sqrtf(square) + epsilon));
#else
        new_p[i] = p[i] - step * (average / (__builtin_sqrt(square) + epsilon));
#endif
    }
}

#endif
