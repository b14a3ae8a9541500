/* Backward: chunk by chunk from the end of the walk.  Within a chunk, step by step, the gradients
   of the gates and the recurrent product that carries dL/dh on; then, while they lie in the
   second cache (the third, with large weights), the chunk's share of the weight gradients and its
   part of dL/dx. */
#ifndef DLGRU_BACKWARD_H
#define DLGRU_BACKWARD_H

#include "forward.h"
#include "product.h"

/* Transposed weights, and the carried gradient.  Gradients of gates stand in a row as R·h of n,
   r, z, n (before: r, z, n): W belongs to the last three, R to the first three, in one piece. */
typedef struct {
    real *W, *R; /* groups of vectors as [k][vector][lane], in the order of a row of d */
    real *R_n;   /* before: n's rows, R has r and z only */
    int far;     /* they do not stay in the second cache */
    real *carry, *d_opened;
    ptrdiff_t padded;
    real *db;
} backward_weights;

/* The rows of a chunk, in the order of the walk. */
typedef struct {
    ptrdiff_t most, next; /* rows at most; from one row of d to the next */
    real *d, *opened, *gates;
    const real **x, **from;
    real **dx, **d_rows, **opened_rows, **to, **saved;
} chunk;

static void lay_out_backward_weights(const dlgru_run *run, cursor *c, backward_weights *w) {
    const ptrdiff_t H = run->H, padded = panels_of(H) * LANES, square = H * padded * (ptrdiff_t)sizeof(real);
    w->padded = padded;
    w->far = is_heavy(run);
    w->R = piece(c, (size_t)(square * (run->before ? 2 : 3)));
    w->R_n = run->before ? piece(c, (size_t)square) : NULL;
    w->W = run->dx ? piece(c, (size_t)(3 * H * panels_of(run->C) * LANES) * sizeof(real)) : NULL;
    w->carry = piece(c, (size_t)(run->B * padded) * sizeof(real));
    w->d_opened = run->before ? piece(c, (size_t)(run->B * padded) * sizeof(real)) : NULL;
    w->db = run->db ? piece(c, (size_t)(saved_of(run) * H) * sizeof(real)) : NULL;
}

static void lay_out_chunk(const dlgru_run *run, cursor *c, chunk *k, ptrdiff_t rows) {
    const ptrdiff_t H = run->H, kinds = saved_of(run);
    const size_t pointers = (size_t)rows * sizeof(real *);
    k->most = rows;
    /* A line more than whole pages would put every row into the same places of the caches. */
    k->next = (kinds * H + LANES - 1) / LANES * LANES + LANES;
    k->d = piece(c, (size_t)(rows * k->next + 3 * LANES) * sizeof(real));
    k->opened = run->before ? piece(c, (size_t)(rows * H) * sizeof(real)) : NULL;
    k->gates = run->gates ? NULL : piece(c, (size_t)(rows * kinds * H) * sizeof(real));
    k->x = piece(c, pointers), k->from = piece(c, pointers), k->dx = piece(c, pointers);
    k->d_rows = piece(c, pointers), k->opened_rows = piece(c, pointers);
    k->to = piece(c, pointers), k->saved = piece(c, pointers);
}

/* Chunks of a run.  Gradients of gates of 768 KiB each, but enough rows for good products: where
   the gradients of the weights do not stay in the second cache, each chunk reads and writes them all. */
static ptrdiff_t backward_chunks(const dlgru_run *run) {
    const ptrdiff_t fitting = 768 * 1024 / (4 * run->H * (ptrdiff_t)sizeof(real));
    const ptrdiff_t most = larger(run->B, larger(fitting, (is_heavy(run) ? 2 : 1) * ROWS_AT_ONCE));
    return larger(1, (dlgru_rows(run) + most - 1) / most);
}

/* Rows of a chunk at most: about the same number each, in whole steps. */
static ptrdiff_t backward_chunk_rows(const dlgru_run *run) {
    return smaller(run->T * run->B, dlgru_rows(run) / backward_chunks(run) + run->B);
}

/* Groups of R's columns: where parts share them, as many for each. */
static ptrdiff_t groups_of_R(const dlgru_run *run, int parts) {
    const ptrdiff_t panels = panels_of(run->H), groups = groups_of(panels, widest(run->B));
    return run->by_units ? smaller(panels, (groups + parts - 1) / parts * parts) : groups;
}

/* Packs some of `all` groups: of W's columns, or of R's. */
static void pack_groups(const dlgru_run *run, const backward_weights *w, range groups, ptrdiff_t all, int of_W) {
    const ptrdiff_t H = run->H, N = of_W ? run->C : H, vectors = panels_of(N);
    for (ptrdiff_t q = groups.first; q < groups.end; q++) {
        const ptrdiff_t first = group_start(vectors, all, q);
        const int V = (int)(group_start(vectors, all, q + 1) - first);
        const ptrdiff_t step = V * LANES;
        if (of_W) {
            pack_transposed(3 * H, N, first, V, 0, run->W.data, run->W.next, w->W + first * LANES * 3 * H);
        } else if (run->before) {
            pack_transposed(2 * H, N, first, V, 0, run->R.data, run->R.next, w->R + first * LANES * 2 * H);
            pack_transposed(H, N, first, V, 2 * H, run->R.data, run->R.next, w->R_n + first * LANES * H);
        } else {
            real *to = w->R + first * LANES * 3 * H;
            pack_transposed(H, N, first, V, 2 * H, run->R.data, run->R.next, to);
            pack_transposed(2 * H, N, first, V, 0, run->R.data, run->R.next, to + H * step);
        }
    }
}

/* A recurrent product: to = init + d·weights over K columns of d, from column `at` on. */
typedef struct {
    ptrdiff_t K, at;
    const real *weights;
    const real *init; /* NULL: zeros */
    real *to;
    int turned; /* from the last group to the first, and the second half of K before the first */
} recurrent_product;

/* A recurrent product for `n` rows of d and the groups of a range. */
static void carry_on(const backward_weights *w, ptrdiff_t H, ptrdiff_t all, range groups, ptrdiff_t n,
                     real *const *d_rows, const recurrent_product *product) {
    const ptrdiff_t vectors = panels_of(H), blocks = (n + ROWS - 1) / ROWS, K = product->K;
    const real *init = product->init;
    _Alignas(64) static const real zeros[6 * LANES];
    tile_operands o = {.at = product->at, .far = w->far, .next_out = w->padded, .turned = product->turned};
    o.next_init = o.next_init_last = init ? w->padded : 0;
    for (ptrdiff_t done = 0; done < groups.end - groups.first; done++) {
        const ptrdiff_t q = product->turned ? groups.end - 1 - done : groups.first + done;
        const ptrdiff_t first = group_start(vectors, all, q), V = group_start(vectors, all, q + 1) - first;
        o.weights = product->weights + first * LANES * K;
        for (ptrdiff_t k = 0; k < blocks; k++) {
            const ptrdiff_t i = share(n, k, blocks), m = share(n, k + 1, blocks) - i;
            o.rows = (const real *const *)d_rows + i;
            o.out = product->to + i * w->padded + first * LANES;
            o.init = init ? init + i * w->padded + first * LANES : zeros;
            o.init_last = o.init + (init ? (V - 1) * LANES : 0);
            if (V == 6) { /* one row: see PANELWISE */
                o.next_init = o.next_init_last = 3 * LANES;
                o.init_last = o.init + 2 * LANES;
            }
            run_tile(PACKED, m, (int)V, K, &o);
        }
    }
}

/* dL/dx of the rows of a range of the chunk. */
static void gradient_of_x(const dlgru_run *run, const backward_weights *w, const chunk *c, range rows) {
    _Alignas(64) static const real zeros[3 * LANES];
    _Alignas(64) real sums[ROWS * 3 * LANES];
    const ptrdiff_t H = run->H, C = run->C, vectors = panels_of(C), groups = groups_of(vectors, 3);
    tile_operands o = {.at = run->before ? 0 : H, .far = w->far, .init = zeros, .init_last = zeros, .out = sums, .next_out = 3 * LANES};
    for (ptrdiff_t q = 0; q < groups; q++) {
        const ptrdiff_t first = group_start(vectors, groups, q), V = group_start(vectors, groups, q + 1) - first;
        o.weights = w->W + first * LANES * 3 * H;
        for (ptrdiff_t row = rows.first; row < rows.end; row += ROWS) {
            const ptrdiff_t m = smaller(ROWS, rows.end - row);
            o.rows = (const real *const *)c->d_rows + row;
            run_tile(PACKED, m, (int)V, 3 * H, &o);
            for (ptrdiff_t i = 0; i < m; i++)
                for (ptrdiff_t v = 0; v < V; v++) {
                    const ptrdiff_t column = (first + v) * LANES;
                    store_up_to(c->dx[row + i] + column, load(sums + (i * 3 + v) * LANES), smaller(LANES, C - column));
                }
        }
    }
}

#endif
