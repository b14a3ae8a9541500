/* Products over all rows of a chunk: the gradients of the weights, of the biases and of x. */
#ifndef DLGRU_PRODUCT_H
#define DLGRU_PRODUCT_H

#include "pack.h"
#include "tiles.h"

/* Rows summed up in one go.  So many rows of three vectors are 36 KiB, three quarters of the
   first cache of a Zen 5; they serve all blocks of units before the next ones come. */
enum { ROWS_AT_ONCE = REAL_BITS == 32 ? 192 : 96 };

/* to[unit][column] (+)= sum over rows of left[row][unit]·right[row][column].

   Units come in blocks of ROWS, which are packed so that a tile walks down the rows.  The right
   side is read where it lies, or, where its rows are a page or more apart and many blocks read
   them, packed too: otherwise the products of H = 512 take a fifth more time.  It must be
   readable three vectors beyond a row's last column. */
typedef struct {
    const real *const *left; /* where each row of the left side starts */
    const real *right;
    ptrdiff_t next_right;
    ptrdiff_t units, columns;
    real *to; /* column-major: the columns of one unit lie side by side … */
    ptrdiff_t next_to;
    ptrdiff_t turned; /* … from here on, and the first ones after the others; 0 if in order */
    int started;      /* `to` holds a sum already */
} gradient;

enum { PACKED_FROM = 6 /* blocks */, PAGE = 4096 };

INLINE ptrdiff_t blocks_of(ptrdiff_t units) { return (units + ROWS - 1) / ROWS; }

static void pack_left(const gradient *g, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t end, real *to) {
    for (ptrdiff_t k = 0; k < rows; k++) {
        const real *from = g->left[row + k];
        real *at = to + k * ROWS;
        for (ptrdiff_t block = first; block < end; block++, at += rows * ROWS) {
            const ptrdiff_t unit = block * ROWS;
            if (unit + ROWS <= g->units)
                memcpy(at, from + unit, ROWS * sizeof(real));
            else
                for (ptrdiff_t i = 0; i < g->units - unit; i++) at[i] = from[unit + i];
        }
    }
}

/* Adds sums of one vector of columns, at the end of the columns or across the turn. */
static void put(const gradient *g, ptrdiff_t unit, ptrdiff_t column, const real *sums, int add) {
    real *to = g->to + unit * g->next_to;
    const ptrdiff_t n = smaller(LANES, g->columns - column);
    for (ptrdiff_t j = 0; j < n; j++) {
        const ptrdiff_t from = column + j, at = from < g->turned ? from + g->columns - g->turned : from - g->turned;
        to[at] = add ? to[at] + sums[j] : sums[j];
    }
}

/* Asks for the sums of a tile while the one before is formed: they were last touched a whole pass
   ago.  Without this the products of H = 512 and 1024 took a tenth more time. */
INLINE void fetch(const real *sums, ptrdiff_t next, ptrdiff_t rows, ptrdiff_t vectors) {
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t v = 0; v < vectors; v++) __builtin_prefetch(sums + i * next + v * LANES, 1, 3);
}

static void add_gradient(const gradient *g, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t end, real *packed) {
    _Alignas(64) static const real zeros[3 * LANES];
    _Alignas(64) real sums[ROWS * 3 * LANES];
    const ptrdiff_t vectors = panels_of(g->columns), groups = groups_of(vectors, 3);
    real *right = packed + (end - first) * ROWS * ROWS_AT_ONCE;
    for (ptrdiff_t row = 0; row < rows && first < end; row += ROWS_AT_ONCE) {
        const ptrdiff_t K = smaller(ROWS_AT_ONCE, rows - row);
        const int add = g->started || row;
        pack_left(g, row, K, first, end, packed);
        for (ptrdiff_t q = 0; q < groups; q++) {
            const ptrdiff_t v0 = group_start(vectors, 3, q), V = group_start(vectors, 3, q + 1) - v0;
            const ptrdiff_t column = v0 * LANES, last = column + V * LANES;
            const int whole = last <= g->columns && (column >= g->turned || last <= g->turned);
            const ptrdiff_t at = column < g->turned ? column + g->columns - g->turned : column - g->turned;
            tile_operands o = {.weights = g->right + row * g->next_right + column, .next_k = g->next_right};
            if (end - first >= PACKED_FROM && g->next_right * (ptrdiff_t)sizeof(real) >= PAGE) {
                real *line = right;
                for (ptrdiff_t k = 0; k < K; k++)
                    for (ptrdiff_t v = 0; v < V; v++, line += LANES)
                        store(line, load(o.weights + k * g->next_right + v * LANES));
                o.weights = right, o.next_k = V * LANES;
            }
            for (ptrdiff_t block = first; block < end; block++) {
                const ptrdiff_t unit = block * ROWS, m = smaller(ROWS, g->units - unit);
                real *to = g->to + unit * g->next_to + at;
                o.panel = packed + (block - first) * K * ROWS;
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
