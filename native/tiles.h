/* The micro-kernel: a few rows times a few vectors of columns, with all sums in registers.

       out[i][v] = init[i][v] + sum over k of left[i][k]·weights[k][v]

   The order of the sum is the same for every size of tile, so that a row's result does not
   depend on the rows beside it, on the split into parts, or on the calls a sequence is cut into.
   Up to 63 terms are one chain.  From 64 on there are four segments of K/4 terms (the last one
   takes the rest), each a chain of its own, and the result is (s0 + s1) + (s2 + s3), where s0
   starts from `init`.  Four, because one row alone is otherwise bound by the latency of its
   three chains: an FMA takes four cycles and two are started in each, so eight chains are
   needed, and one row has 4·3 = 12.  Many rows walk the segments one after another. */
#ifndef DLGRU_TILES_H
#define DLGRU_TILES_H

#include "vector.h"

enum { SEGMENTS = 4, SEGMENTED_FROM = 64 };

/* Where a tile reads and writes.  A tile has up to ROWS rows of 3 vectors, or one row of 12. */
typedef struct {
    const real *const *rows; /* where each row of the left side starts … */
    ptrdiff_t at;            /* … less this offset; or: */
    const real *panel;       /* the left side packed as [k][ROWS] */
    const real *weights;     /* packed as [k][vector][lane], or with these steps: */
    ptrdiff_t next_k, next_vector;
    int far; /* the packed weights come from beyond the second cache */
    const real *init; /* of each row and vector but the last */
    ptrdiff_t next_init;
    const real *init_last; /* of the last vector of each row */
    ptrdiff_t next_init_last;
    real *out; /* [row][vector][lane]; may be `init` */
    ptrdiff_t next_out;
    int turned; /* the second half of k first, if both halves are walked one after the other: what the
                   step before has read last still lies in the first cache */
} tile_operands;

typedef void (*tile_function)(ptrdiff_t K, const tile_operands *o);

/* What is known when a tile is compiled.  FAR: packed, and asked for AHEAD terms before they are
   needed.  Whole tiles of H = 1024 take 2 to 5 % less time so; with fewer rows, whose time is that of
   reading the weights, the processor's own way of looking ahead is quicker. */
enum { PACKED, IN_PLACE, PANEL, FAR, AHEAD = 64 };

/* One row reads a vector of weights for every product, and two loads a cycle are all there are:
   with 12 vectors a row the loads of its own numbers hardly count. */
enum { WIDEST = 12 };

/* Segments walked at the same time: as many as there are registers for; but with one row of many
   vectors two, so that the halves of k can be turned. */
#define SUMS (3 * ROWS)
#define ABREAST(M, V) ((M) == 1 && (V) > 3 ? 2 : (M) * (V) * 4 <= SUMS ? 4 : (M) * (V) * 2 <= SUMS ? 2 : 1)

/* One row of several panels: `init` has the steps from panel to panel instead of row to row. */
#define PANELWISE(M, V) ((M) == 1 && (V) > 3 && (V) % 3 == 0)

/* In place, vectors are the gates of one panel after the other. */
#define VECTOR_AT(v) (kind == IN_PLACE ? (v) / 3 * LANES + (v) % 3 * next_vector : (v) * LANES)

INLINE void tile(const int M, const int V, const int kind, ptrdiff_t K, const tile_operands *o) {
    const int A = ABREAST(M, V);
    const ptrdiff_t next_k = kind == PACKED || kind == FAR ? V * LANES : o->next_k;
    const ptrdiff_t next_vector = o->next_vector;
    const real *weights = o->weights;
    const real *left[ROWS];
    UNROLL for (int i = 0; i < M; i++) left[i] = kind == PANEL ? o->panel + i : o->rows[i] + o->at;
    const ptrdiff_t step = kind == PANEL ? ROWS : 1;

    vec sum[4][ROWS][WIDEST];
    UNROLL for (int i = 0; i < M; i++) UNROLL for (int v = 0; v < V; v++)
        sum[0][i][v] = PANELWISE(M, V)
                           ? load(v % 3 < 2 ? o->init + v / 3 * o->next_init + v % 3 * LANES
                                            : o->init_last + v / 3 * o->next_init_last)
                       : v < V - 1 ? load(o->init + i * o->next_init + v * LANES)
                                   : load(o->init_last + i * o->next_init_last);

/* Terms k0 … k1-1 of A segments, whose starts are `apart` from each other. */
#define CHAINS(count, k0, k1, apart)                                                      \
    for (ptrdiff_t k = (k0); k < (k1); k++) {                                             \
        UNROLL for (int s = 0; s < (count); s++) {                                        \
            const ptrdiff_t j = k + s * (apart);                                          \
            vec w[WIDEST];                                                                \
            UNROLL for (int v = 0; v < V; v++) w[v] = load(weights + j * next_k + VECTOR_AT(v)); \
            UNROLL for (int v = 0; kind == FAR && v < V; v++)                             \
                __builtin_prefetch(weights + (j + AHEAD) * next_k + VECTOR_AT(v));        \
            UNROLL for (int i = 0; i < M; i++) {                                          \
                vec a = spread(left[i][j * step]);                                        \
                IN_REGISTER(a);                                                           \
                UNROLL for (int v = 0; v < V; v++) sum[s][i][v] += a * w[v];              \
            }                                                                             \
        }                                                                                 \
    }
/* What the last segment has more than the others. */
#define REST                                                                                      \
    for (ptrdiff_t k = 4 * L; k < K; k++) {                                                       \
        EACH(i, v) sum[1][i][v] += spread(left[i][k * step]) * load(weights + k * next_k + VECTOR_AT(v)); \
    }
#define EACH(i, v) UNROLL for (int i = 0; i < M; i++) UNROLL for (int v = 0; v < V; v++)
/* Without this, GCC lets each of the three products of a row read its factor from memory. */
#if defined(__x86_64__)
#define IN_REGISTER(a) __asm__("" : "+v"(a))
#elif defined(__aarch64__)
#define IN_REGISTER(a) __asm__("" : "+w"(a))
#else
#define IN_REGISTER(a) (void)(a)
#endif

    if (K < SEGMENTED_FROM) {
        CHAINS(1, 0, K, 0)
    } else {
        const ptrdiff_t L = K / SEGMENTS;
        vec half[ROWS][WIDEST];
        if (A == 4) {
            UNROLL for (int s = 1; s < 4; s++) EACH(i, v) sum[s][i][v] = (vec){0};
            CHAINS(4, 0, L, L)
            EACH(i, v) half[i][v] = sum[0][i][v] + sum[1][i][v];
            EACH(i, v) sum[0][i][v] = sum[2][i][v];
            EACH(i, v) sum[1][i][v] = sum[3][i][v];
            REST
        } else if (A == 2 && o->turned) {
            vec other[ROWS][WIDEST];
            EACH(i, v) half[i][v] = sum[0][i][v];
            EACH(i, v) sum[0][i][v] = sum[1][i][v] = (vec){0};
            CHAINS(2, 2 * L, 3 * L, L)
            REST
            EACH(i, v) other[i][v] = sum[0][i][v] + sum[1][i][v];
            EACH(i, v) sum[0][i][v] = half[i][v];
            EACH(i, v) sum[1][i][v] = (vec){0};
            CHAINS(2, 0, L, L)
            EACH(i, v) half[i][v] = other[i][v];
        } else if (A == 2) {
            EACH(i, v) sum[1][i][v] = (vec){0};
            CHAINS(2, 0, L, L)
            EACH(i, v) half[i][v] = sum[0][i][v] + sum[1][i][v];
            EACH(i, v) sum[0][i][v] = sum[1][i][v] = (vec){0};
            CHAINS(2, 2 * L, 3 * L, L)
            REST
        } else {
            vec one[ROWS][WIDEST];
            CHAINS(1, 0, L, 0)
            EACH(i, v) one[i][v] = sum[0][i][v];
            EACH(i, v) sum[0][i][v] = (vec){0};
            CHAINS(1, L, 2 * L, 0)
            EACH(i, v) half[i][v] = one[i][v] + sum[0][i][v];
            EACH(i, v) sum[0][i][v] = (vec){0};
            CHAINS(1, 2 * L, 3 * L, 0)
            EACH(i, v) one[i][v] = sum[0][i][v];
            EACH(i, v) sum[0][i][v] = (vec){0};
            CHAINS(1, 3 * L, K, 0)
            EACH(i, v) sum[1][i][v] = one[i][v];
        }
        EACH(i, v) sum[0][i][v] = half[i][v] + (sum[0][i][v] + sum[1][i][v]);
    }
    EACH(i, v) store(o->out + i * o->next_out + v * LANES, sum[0][i][v]);
#undef CHAINS
#undef REST
#undef EACH
}

#define TILE(M, V, kind) \
    APART void NAME(tile_##M##_##V##_##kind)(ptrdiff_t K, const tile_operands *o) { tile(M, V, kind, K, o); }
#define TILES_OF(M, kind) TILE(M, 1, kind) TILE(M, 2, kind) TILE(M, 3, kind)
#if ROWS == 8
#define TILES_OF_KIND(kind) TILES_OF(1, kind) TILES_OF(2, kind) TILES_OF(3, kind) TILES_OF(4, kind) \
    TILES_OF(5, kind) TILES_OF(6, kind) TILES_OF(7, kind) TILES_OF(8, kind)
#else
#define TILES_OF_KIND(kind) TILES_OF(1, kind) TILES_OF(2, kind) TILES_OF(3, kind) TILES_OF(4, kind)
#endif
TILES_OF_KIND(PACKED)
TILES_OF_KIND(IN_PLACE)
TILES_OF_KIND(PANEL)
APART void NAME(tile_far)(ptrdiff_t K, const tile_operands *o) { tile(ROWS, 3, FAR, K, o); }
TILE(1, 4, PACKED) TILE(1, 5, PACKED) TILE(1, 6, PACKED) TILE(1, 9, PACKED) TILE(1, 12, PACKED)
TILE(1, 6, IN_PLACE) TILE(1, 9, IN_PLACE) TILE(1, 12, IN_PLACE)

#define ROW(M, kind) {NAME(tile_##M##_1_##kind), NAME(tile_##M##_2_##kind), NAME(tile_##M##_3_##kind)}
#if ROWS == 8
#define TABLE(kind) {ROW(1, kind), ROW(2, kind), ROW(3, kind), ROW(4, kind), \
    ROW(5, kind), ROW(6, kind), ROW(7, kind), ROW(8, kind)}
#else
#define TABLE(kind) {ROW(1, kind), ROW(2, kind), ROW(3, kind), ROW(4, kind)}
#endif
static const tile_function tiles[3][ROWS][3] = {TABLE(PACKED), TABLE(IN_PLACE), TABLE(PANEL)};

static const tile_function wide_tiles[2][WIDEST + 1] = {
    {[4] = NAME(tile_1_4_PACKED), [5] = NAME(tile_1_5_PACKED), [6] = NAME(tile_1_6_PACKED),
     [9] = NAME(tile_1_9_PACKED), [12] = NAME(tile_1_12_PACKED)},
    {[6] = NAME(tile_1_6_IN_PLACE), [9] = NAME(tile_1_9_IN_PLACE), [12] = NAME(tile_1_12_IN_PLACE)}};

INLINE void run_tile(int kind, ptrdiff_t rows, int vectors, ptrdiff_t K, const tile_operands *o) {
    if (vectors > 3)
        wide_tiles[kind == IN_PLACE][vectors](K, o);
    else if (o->far && kind == PACKED && rows == ROWS && vectors == 3)
        NAME(tile_far)(K, o);
    else
        tiles[kind][rows - 1][vectors - 1](K, o);
}

#endif
