/* The kernels of one class for one instruction set.  This file is compiled once for each, with

       -DREAL_BITS=32|64  -DLANES=numbers in a vector  -DSUFFIX=f32_avx512 and so on

   and the flags of the instruction set.  Expressions are written so that there is only one way
   to join a product and a sum into an FMA: then every copy that the compiler makes of a piece of
   code gives the same bits.  (Those of `updates.h` have two; no result of theirs is cut up.) */
#include "backward_run.h"
#include "forward_run.h"
#include "updates.h"

static void curves(ptrdiff_t n, const void *x, void *sigmoids, void *tangents) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const ptrdiff_t some = smaller(LANES, n - i);
        const vec value = load_up_to((const real *)x + i, some);
        store_up_to((real *)sigmoids + i, sigmoid(value), some);
        store_up_to((real *)tangents + i, hyperbolic_tangent(value), some);
    }
}

const dlgru_kernel NAME(kernel) = {LANES,          packed_bytes,  pack_all,    forward_bytes, forward_part,
                                   backward_bytes, backward_part, adam_update, curves};
