/* Adam's update of one parameter, in one pass over memory.

   NumPy needs a dozen passes, and the update of a recurrent layer is bound by memory: at 35,000
   parameters this takes a tenth of the time.  The loop is left to the compiler's vectoriser:
   it has square root and division, which the vector extension lacks. */
#ifndef DLGRU_UPDATES_H
#define DLGRU_UPDATES_H

#include "run.h"
#include "vector.h"

/* Parameters, not locals: only of these does GCC 12 believe that they do not overlap. */
static void adam_pass(ptrdiff_t count, const real *restrict p, const real *restrict g, const real *restrict m,
                      const real *restrict v, real *restrict new_p, real *restrict new_m, real *restrict new_v,
                      real beta1, real rest1, real beta2, real rest2, real step, real epsilon) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const real average = beta1 * m[i] + rest1 * g[i];
        const real square = beta2 * v[i] + rest2 * (g[i] * g[i]);
        new_m[i] = average;
        new_v[i] = square;
#if REAL_BITS == 32
        new_p[i] = p[i] - step * (average / (__builtin_sqrtf(square) + epsilon));
#else
        new_p[i] = p[i] - step * (average / (__builtin_sqrt(square) + epsilon));
#endif
    }
}

static void adam_update(const dlgru_adam *a) {
    adam_pass(a->count, a->p, a->g, a->m, a->v, a->new_p, a->new_m, a->new_v, (real)a->beta1, (real)(1 - a->beta1),
              (real)a->beta2, (real)(1 - a->beta2), (real)a->step, (real)a->epsilon);
}

#endif
