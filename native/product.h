/* Products over all rows of a chunk: the gradients of the weights, of the biases and of x. */
#ifndef DLGRU_PRODUCT_H
#define DLGRU_PRODUCT_H

#include "pack.h"
#include "tiles.h"

/* Rows summed up in one go, about.  So many rows of three vectors are 75 KiB: they come from the
   second cache while they serve all blocks of units, in order and early enough.  Half as many, which
   stay in the first cache, took 2 % more time at H = 1024, as sums are read and written more often. */
enum { ROWS_AT_ONCE = REAL_BITS == 32 ? 400 : 200, MOST_ROWS_AT_ONCE = ROWS_AT_ONCE * 3 / 2 };

/* The rows of a chunk are summed in passes of about the same length. */
INLINE ptrdiff_t passes_of(ptrdiff_t rows) { return larger(1, (rows + ROWS_AT_ONCE / 2) / ROWS_AT_ONCE); }
INLINE ptrdiff_t pass_start(ptrdiff_t rows, ptrdiff_t pass) { return share(rows, pass, passes_of(rows)); }

/* to[unit][column] (+)= sum over rows of left[row][unit]·right[row][first + column].

   Units come in blocks of ROWS, which are packed so that a tile walks down the rows. */
typedef struct {
    const real *const *left; /* where each row of the left side starts */
    real *packed;            /* its blocks: for each pass, [block][row][ROWS] */
    ptrdiff_t units, first, columns;
    real *to; /* column-major: the columns of one unit lie side by side … */
    ptrdiff_t next_to;
    ptrdiff_t turned; /* … from here on, and the first ones after the others; 0 if in order */
} gradient;

/* Gradients whose right sides are ranges of columns of one matrix.  It is read where it lies, or,
   where its rows are a page or more apart and many blocks read them, packed too: otherwise the
   products of H = 512 take a fifth more time.  It must be readable three vectors beyond a row's
   last column. */
typedef struct {
    const real *right;
    ptrdiff_t next_right;
    int count, started; /* `started`: the gradients hold sums already */
    gradient of[3];
} gradients;

enum { PACKED_FROM = 6 /* blocks */, PAGE = 4096 };

INLINE ptrdiff_t blocks_of(ptrdiff_t units) { return (units + ROWS - 1) / ROWS; }

/* The vectors of columns that a gradient reads, some perhaps in part. */
INLINE ptrdiff_t first_vector(const gradient *g) { return g->first / LANES; }
INLINE ptrdiff_t end_vector(const gradient *g) { return (g->first + g->columns + LANES - 1) / LANES; }

/* Packs rows first … end-1 of the left side of `rows`. */
static void pack_left(const gradient *g, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t end) {
    const ptrdiff_t blocks = blocks_of(g->units);
    ptrdiff_t pass = 0;
    for (ptrdiff_t row = first; row < end; row++) {
        while (pass_start(rows, pass + 1) <= row) pass++;
        const ptrdiff_t start = pass_start(rows, pass), K = pass_start(rows, pass + 1) - start;
        const real *from = g->left[row];
        real *at = g->packed + start * blocks * ROWS + (row - start) * ROWS;
        for (ptrdiff_t block = 0; block < blocks; block++, at += K * ROWS) {
            const ptrdiff_t unit = block * ROWS;
            if (unit + ROWS <= g->units)
                memcpy(at, from + unit, ROWS * sizeof(real));
            else
                for (ptrdiff_t i = 0; i < g->units - unit; i++) at[i] = from[unit + i];
        }
    }
}

/* Where a column of the gradient stands in `to`. */
INLINE ptrdiff_t place_of(const gradient *g, ptrdiff_t column) {
    return column < g->turned ? column + g->columns - g->turned : column - g->turned;
}

/* Adds sums of one vector of columns, at the ends of the columns or across the turn. */
static void put(const gradient *g, ptrdiff_t unit, ptrdiff_t column, const real *sums, int add) {
    real *to = g->to + unit * g->next_to;
    const ptrdiff_t end = smaller(LANES, g->columns - column);
    for (ptrdiff_t j = larger(0, -column), stop; j < end; j = stop) {
        const int turns = column + j < g->turned && column + end > g->turned;
        stop = turns ? g->turned - column : end;
        real *at = to + place_of(g, column + j);
        vec sum = load_up_to(sums + j, stop - j);
        if (add) sum += load_up_to(at, stop - j);
        store_up_to(at, sum, stop - j);
    }
}

/* Asks for the sums of a tile while the one before is formed: they were last touched a whole pass
   ago.  Without this the products of H = 512 and 1024 took a tenth more time. */
INLINE void fetch(const real *sums, ptrdiff_t next, ptrdiff_t rows, ptrdiff_t vectors) {
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t v = 0; v < vectors; v++) __builtin_prefetch(sums + i * next + v * LANES, 1, 3);
}

/* Tiles of blocks first … end-1 of a gradient with V vectors of columns from vector v0 on. */
static void add_tiles(const gradient *g, tile_operands o, ptrdiff_t v0, ptrdiff_t V, ptrdiff_t row, ptrdiff_t K,
                      ptrdiff_t first, ptrdiff_t end, int add) {
    _Alignas(64) static const real zeros[3 * LANES];
    _Alignas(64) real sums[ROWS * 3 * LANES];
    const ptrdiff_t column = v0 * LANES - g->first, last = column + V * LANES;
    const int whole = column >= 0 && last <= g->columns && (column >= g->turned || last <= g->turned);
    for (ptrdiff_t block = first; block < end; block++) {
        const ptrdiff_t unit = block * ROWS, m = smaller(ROWS, g->units - unit);
        real *to = g->to + unit * g->next_to + (whole ? place_of(g, column) : 0);
        o.panel = g->packed + row * blocks_of(g->units) * ROWS + block * K * ROWS;
        o.init = whole && add ? to : zeros;
        o.next_init = o.next_init_last = whole && add ? g->next_to : 0;
        o.init_last = o.init + (V - 1) * LANES;
        o.out = whole ? to : sums;
        o.next_out = whole ? g->next_to : 3 * LANES;
        if (whole && block + 1 < end) fetch(to + ROWS * g->next_to, g->next_to, smaller(ROWS, g->units - unit - ROWS), V);
        run_tile(PANEL, m, (int)V, K, &o);
        for (ptrdiff_t i = 0; !whole && i < m; i++)
            for (ptrdiff_t v = 0; v < V; v++) put(g, unit + i, column + v * LANES, sums + (i * 3 + v) * LANES, add);
    }
}

/* Where ranges of vectors begin or end, in order, without repetition; returns how many. */
static int borders_of(const gradients *g, ptrdiff_t *borders) {
    int count = 0;
    for (int k = 0; k < 2 * g->count; k++) {
        const ptrdiff_t border = k % 2 ? end_vector(&g->of[k / 2]) : first_vector(&g->of[k / 2]);
        int at = count;
        while (at > 0 && borders[at - 1] > border) at--;
        if (at > 0 && borders[at - 1] == border) continue;
        for (int i = count++; i > at; i--) borders[i] = borders[i - 1];
        borders[at] = border;
    }
    return count;
}

INLINE int reads(const gradient *g, ptrdiff_t vector) { return first_vector(g) <= vector && vector < end_vector(g); }

/* Of n tiles of V vectors each, how many come before `vectors` vectors are done. */
INLINE ptrdiff_t tiles_before(ptrdiff_t vectors, ptrdiff_t V, ptrdiff_t n) {
    return vectors <= 0 ? 0 : smaller(n, (vectors + V - 1) / V);
}

/* One part's share of all products: tiles in the order of their columns, so that few vectors of the
   right side are packed by more than one part.  All passes over a group of columns follow each other:
   its sums stay in the second cache meanwhile. */
static void add_gradients(const gradients *g, ptrdiff_t rows, int part, int parts, real *packed) {
    ptrdiff_t borders[6], all = 0, done = 0;
    const int stretches = borders_of(g, borders) - 1;
    for (int k = 0; k < g->count; k++)
        all += (end_vector(&g->of[k]) - first_vector(&g->of[k])) * blocks_of(g->of[k].units);
    const ptrdiff_t begin = share(all, part, parts), stop = share(all, part + 1, parts);
    for (int s = 0; s < stretches; s++) {
        const ptrdiff_t vectors = borders[s + 1] - borders[s];
        const ptrdiff_t groups = groups_of(vectors, 3);
        for (ptrdiff_t q = 0; q < groups; q++) {
            const ptrdiff_t start = group_start(vectors, groups, q), V = group_start(vectors, groups, q + 1) - start;
            const ptrdiff_t v0 = borders[s] + start;
            ptrdiff_t first[3], end[3], own = 0;
            for (int k = 0; k < g->count; k++) {
                const ptrdiff_t n = reads(&g->of[k], v0) ? blocks_of(g->of[k].units) : 0;
                first[k] = tiles_before(begin - done, V, n), end[k] = tiles_before(stop - done, V, n);
                done += n * V, own += end[k] - first[k];
            }
            const int packs = own >= PACKED_FROM && g->next_right * (ptrdiff_t)sizeof(real) >= PAGE;
            for (ptrdiff_t pass = 0; own && pass < passes_of(rows); pass++) {
                const ptrdiff_t row = pass_start(rows, pass), K = pass_start(rows, pass + 1) - row;
                tile_operands o = {.weights = g->right + row * g->next_right + v0 * LANES, .next_k = g->next_right};
                if (packs) {
                    real *line = packed;
                    for (ptrdiff_t k = 0; k < K; k++)
                        for (ptrdiff_t v = 0; v < V; v++, line += LANES)
                            store(line, load(o.weights + k * g->next_right + v * LANES));
                    o.weights = packed, o.next_k = V * LANES;
                }
                for (int k = 0; k < g->count; k++)
                    if (first[k] < end[k]) add_tiles(&g->of[k], o, v0, V, row, K, first[k], end[k], g->started || pass);
            }
        }
    }
}

/* to[column] += sum over rows of right[row][column], for columns first … end-1, row by row. */
static void add_columns(const real *right, ptrdiff_t next, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t end,
                        real *to) {
    enum { WIDE = 4 };
    ptrdiff_t j = first;
    for (; j + WIDE * LANES <= end; j += WIDE * LANES) {
        vec sum[WIDE];
        UNROLL for (int v = 0; v < WIDE; v++) sum[v] = load(to + j + v * LANES);
        for (ptrdiff_t k = 0; k < rows; k++)
            UNROLL for (int v = 0; v < WIDE; v++) sum[v] += load(right + k * next + j + v * LANES);
        UNROLL for (int v = 0; v < WIDE; v++) store(to + j + v * LANES, sum[v]);
    }
    for (; j < end; j += LANES) {
        const ptrdiff_t n = smaller(LANES, end - j);
        vec sum = load_up_to(to + j, n);
        for (ptrdiff_t k = 0; k < rows; k++) sum += load_up_to(right + k * next + j, n);
        store_up_to(to + j, sum, n);
    }
}

#endif
