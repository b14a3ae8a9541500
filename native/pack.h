/* Weights in the order in which tiles read them.

   A panel is LANES hidden units: [k][gate][lane], so one step along k reads whole cache lines
   one after the other.  The last panel is filled up with zeros. */
#ifndef DLGRU_PACK_H
#define DLGRU_PACK_H

#include "vector.h"

INLINE ptrdiff_t panels_of(ptrdiff_t units) { return (units + LANES - 1) / LANES; }

/* Panels that are packed together: a column of W or R is then read four cache lines at a time.  One
   line at a time, each on another page of memory, took twice as long. */
enum { PACKED_TOGETHER = 4 };

/* Where a panel goes, and how far it is from one k to the next. */
typedef struct {
    real *to;
    ptrdiff_t step;
} panel_place;

/* Panels first … end-1, at most PACKED_TOGETHER, of `gates` blocks of H rows, from the columns of
   a [blocks·H,K] matrix. */
static void pack_panels(ptrdiff_t K, ptrdiff_t H, int gates, ptrdiff_t first, ptrdiff_t end, const real *from,
                        ptrdiff_t next, const panel_place *places) {
    const ptrdiff_t full = smaller(end, H / LANES);
    for (ptrdiff_t k = 0; k < K; k++)
        for (int g = 0; g < gates; g++) {
            const real *column = from + k * next + g * H;
            for (ptrdiff_t p = first; p < full; p++)
                store(places[p - first].to + k * places[p - first].step + g * LANES, load(column + p * LANES));
            if (full < end)
                store(places[full - first].to + k * places[full - first].step + g * LANES,
                      load_part(column + full * LANES, H - full * LANES));
        }
}

/* Groups of up to `most` vectors of columns, as even as possible: with seven vectors 3+2+2.
   Tiles of several rows take up to three, a tile of one row up to six. */
INLINE ptrdiff_t widest(ptrdiff_t rows) { return rows == 1 ? 6 : 3; }
INLINE ptrdiff_t groups_of(ptrdiff_t vectors, ptrdiff_t most) { return (vectors + most - 1) / most; }
INLINE ptrdiff_t group_start(ptrdiff_t vectors, ptrdiff_t most, ptrdiff_t group) {
    return vectors * group / groups_of(vectors, most);
}

/* For gradients, the transposed weights: row k of the product is row `row + k` of the [rows,N]
   matrix `from`, in columns first·LANES … of it, as [k][vector][lane]. */
static void pack_transposed(ptrdiff_t K, ptrdiff_t N, ptrdiff_t first, int vectors, ptrdiff_t row,
                            const real *from, ptrdiff_t next, real *to) {
    const ptrdiff_t width = vectors * LANES, n = smaller(width, N - first * LANES);
    enum { BLOCK = 16 }; /* rows at a time, so that what is read and written stays in the cache */
    for (ptrdiff_t k0 = 0; k0 < K; k0 += BLOCK) {
        const ptrdiff_t k1 = smaller(K, k0 + BLOCK);
        for (ptrdiff_t j = 0; j < width; j++) {
            const real *column = from + (first * LANES + smaller(j, n - 1)) * next + row;
            if (j < n)
                for (ptrdiff_t k = k0; k < k1; k++) to[k * width + j] = column[k];
            else
                for (ptrdiff_t k = k0; k < k1; k++) to[k * width + j] = 0;
        }
    }
}

#endif
