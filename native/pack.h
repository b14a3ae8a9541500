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
INLINE ptrdiff_t group_start(ptrdiff_t vectors, ptrdiff_t groups, ptrdiff_t group) { return vectors * group / groups; }

/* Turns a square of LANES rows in registers.  In each round, rows that are `far` apart swap the
   lanes whose number has that bit in one row with those that lack it in the other. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define TURNS_SQUARES
#endif
#endif
#if defined(TURNS_SQUARES)
#define UPPER(lane, far) ((lane) & (far) ? LANES + (lane) - (far) : (lane))
#define LOWER(lane, far) ((lane) & (far) ? LANES + (lane) : (lane) + (far))
#if LANES == 16
#define LANE_BY_LANE(f, far) f(0, far), f(1, far), f(2, far), f(3, far), f(4, far), f(5, far), f(6, far), f(7, far), \
    f(8, far), f(9, far), f(10, far), f(11, far), f(12, far), f(13, far), f(14, far), f(15, far)
#elif LANES == 8
#define LANE_BY_LANE(f, far) f(0, far), f(1, far), f(2, far), f(3, far), f(4, far), f(5, far), f(6, far), f(7, far)
#elif LANES == 4
#define LANE_BY_LANE(f, far) f(0, far), f(1, far), f(2, far), f(3, far)
#else
#define LANE_BY_LANE(f, far) f(0, far), f(1, far)
#endif
#define SWAP(far)                                                                                            \
    UNROLL for (int i = 0; i < LANES; i++) if (!(i & (far))) {                                               \
        const vec one = row[i], two = row[i + (far)];                                                        \
        row[i] = __builtin_shufflevector(one, two, LANE_BY_LANE(UPPER, far));                                \
        row[i + (far)] = __builtin_shufflevector(one, two, LANE_BY_LANE(LOWER, far));                        \
    }

/* to[k·width + j] = from[j·next + k] for a square of LANES j and k. */
APART void NAME(turn_square)(const real *from, ptrdiff_t next, real *to, ptrdiff_t width) {
    vec row[LANES];
    UNROLL for (int i = 0; i < LANES; i++) row[i] = load(from + i * next);
#if LANES > 8
    SWAP(8)
#endif
#if LANES > 4
    SWAP(4)
#endif
#if LANES > 2
    SWAP(2)
#endif
    SWAP(1)
    UNROLL for (int i = 0; i < LANES; i++) store(to + i * width, row[i]);
}
#endif

/* For gradients, the transposed weights: row k of the product is row `row + k` of the [rows,N]
   matrix `from`, in columns first·LANES … of it, as [k][vector][lane]. */
static void pack_transposed(ptrdiff_t K, ptrdiff_t N, ptrdiff_t first, int vectors, ptrdiff_t row,
                            const real *from, ptrdiff_t next, real *to) {
    const ptrdiff_t width = vectors * LANES, n = smaller(width, N - first * LANES);
    from += first * LANES * next + row;
    /* LANES rows at a time, so that what is read and written stays in the cache. */
    for (ptrdiff_t k0 = 0; k0 < K; k0 += LANES) {
        const ptrdiff_t k1 = smaller(K, k0 + LANES);
        ptrdiff_t j = 0;
#if defined(TURNS_SQUARES)
        for (; k0 + LANES <= K && j + LANES <= n; j += LANES)
            NAME(turn_square)(from + j * next + k0, next, to + k0 * width + j, width);
#endif
        for (; j < width; j++)
            for (ptrdiff_t k = k0; k < k1; k++) to[k * width + j] = j < n ? from[j * next + k] : 0;
    }
}

#endif
