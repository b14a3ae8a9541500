/* What becomes of the sums of a tile: gates, candidate, next state, and their derivatives.

   Each function works on `count` vectors of units, which are one panel of several rows or, for
   a single row, several panels; its table has a row for each gate and each state activation. */
#ifndef DLGRU_GATES_H
#define DLGRU_GATES_H

#include "activations.h"
#include "exchange.h"

typedef struct {
    const real *sums; /* [count][2 or 3][lane] as the tile left them */
    ptrdiff_t next_sums;
    const real *input; /* W·x + b of the candidate */
    ptrdiff_t next_input;
    const real *const *from; /* previous state … */
    real *const *to;         /* … and next */
    real *const *saved;      /* [panel][4 or 3][unit] of each row; NULL if nothing is kept */
    ptrdiff_t unit;          /* the first unit of the vector in its row */
    ptrdiff_t lanes;         /* how many there are */
    real *opened, *update;   /* before: r∘h and z, for the second product */
    ptrdiff_t next_opened;
} gate_operands;

typedef void (*gate_function)(int count, const gate_operands *o);

/* r, z and n from W·x + R·h + b; the state h = n + z∘(h' - n). */
INLINE void close_after(const int gate, const int act, const ptrdiff_t lanes, int count, const gate_operands *o) {
    const ptrdiff_t at = o->unit;
    for (int i = 0; i < count; i++) {
        const real *sums = o->sums + i * o->next_sums;
        const vec r = gate_value(gate, load(sums)), z = gate_value(gate, load(sums + LANES));
        const vec hidden = load(sums + 2 * LANES);
        const vec n = act_value(act, load(o->input + i * o->next_input) + r * hidden);
        const vec h = load_up_to(o->from[i] + at, lanes);
        hand_over(o->to[i] + at, n + z * (h - n), lanes);
        if (o->saved) {
            real *saved = o->saved[i] + 4 * at;
            store_up_to(saved, r, lanes);
            store_up_to(saved + lanes, z, lanes);
            store_up_to(saved + 2 * lanes, n, lanes);
            store_up_to(saved + 3 * lanes, hidden, lanes);
        }
    }
}

/* With the reset gate before the product: r and z, and r∘h, which is multiplied next … */
INLINE void open_before(const int gate, const ptrdiff_t lanes, int count, const gate_operands *o) {
    const ptrdiff_t at = o->unit;
    for (int i = 0; i < count; i++) {
        const real *sums = o->sums + i * o->next_sums;
        const vec r = gate_value(gate, load(sums)), z = gate_value(gate, load(sums + LANES));
        const vec h = load_up_to(o->from[i] + at, lanes);
        store(o->opened + i * o->next_opened + at, r * h);
        store(o->update + i * o->next_opened + at, z);
        if (o->saved) {
            real *saved = o->saved[i] + 3 * at;
            store_up_to(saved, r, lanes);
            store_up_to(saved + lanes, z, lanes);
        }
    }
}

/* … and then the candidate and the state. */
INLINE void close_before(const int act, const ptrdiff_t lanes, int count, const gate_operands *o) {
    const ptrdiff_t at = o->unit;
    for (int i = 0; i < count; i++) {
        const vec sum = load(o->sums + i * o->next_sums);
        const vec n = act_value(act, load(o->input + i * o->next_input) + sum);
        const vec z = load(o->update + i * o->next_opened + at);
        const vec h = load_up_to(o->from[i] + at, lanes);
        store_up_to(o->to[i] + at, n + z * (h - n), lanes);
        if (o->saved) store_up_to(o->saved[i] + 3 * at + 2 * lanes, n, lanes);
    }
}

typedef struct {
    const real *const *saved, *const *from, *const *dy; /* dy NULL: zeros */
    real *carry;                                        /* dL/dh of the row's later steps */
    ptrdiff_t next_carry;
    real *const *d;           /* gradients of the gates, blocks of H */
    ptrdiff_t H, unit, end;   /* units unit … end-1 of each row */
    const real *d_opened;     /* before: dL/d(r∘h), rows as those of `carry` */
    real *const *opened;
} slope_operands;

typedef void (*slope_function)(int rows, const slope_operands *o);

/* Gradients of R·h of the candidate, r, z and n, and z's part of dL/dh of the step before. */
INLINE void slopes_after(const int gate, const int act, const ptrdiff_t lanes, ptrdiff_t at, int i, const slope_operands *o) {
    const ptrdiff_t H = o->H;
    const real *saved = o->saved[i] + 4 * at;
    const vec r = load_up_to(saved, lanes), z = load_up_to(saved + lanes, lanes);
    const vec n = load_up_to(saved + 2 * lanes, lanes), hidden = load_up_to(saved + 3 * lanes, lanes);
    const vec h = load_up_to(o->from[i] + at, lanes);
    real *carry = o->carry + i * o->next_carry + at, *d = o->d[i] + at;
    vec dh = load(carry);
    if (o->dy) dh += load_up_to(o->dy[i] + at, lanes);
    const vec dz = dh * (h - n) * gate_slope(gate, z);
    const vec dn = dh * (1 - z) * act_slope(act, n);
    const vec dr = dn * hidden * gate_slope(gate, r);
    store_up_to(d, dn * r, lanes);
    store_up_to(d + H, dr, lanes);
    store_up_to(d + 2 * H, dz, lanes);
    store_up_to(d + 3 * H, dn, lanes);
    store(carry, dh * z);
}

/* With the reset gate before the product: gradients of z and n … */
INLINE void slopes_before(const int gate, const int act, const ptrdiff_t lanes, ptrdiff_t at, int i, const slope_operands *o) {
    const ptrdiff_t H = o->H;
    const real *saved = o->saved[i] + 3 * at;
    const vec z = load_up_to(saved + lanes, lanes), n = load_up_to(saved + 2 * lanes, lanes);
    const vec h = load_up_to(o->from[i] + at, lanes);
    real *carry = o->carry + i * o->next_carry + at, *d = o->d[i] + at;
    vec dh = load(carry);
    if (o->dy) dh += load_up_to(o->dy[i] + at, lanes);
    store_up_to(d + H, dh * (h - n) * gate_slope(gate, z), lanes);
    store_up_to(d + 2 * H, dh * (1 - z) * act_slope(act, n), lanes);
    store(carry, dh * z);
}

/* … and from dL/d(r∘h), which the transposed product has given, that of r, and r∘h again. */
INLINE void slopes_opened(const int gate, const ptrdiff_t lanes, ptrdiff_t at, int i, const slope_operands *o) {
    const vec r = load_up_to(o->saved[i] + 3 * at, lanes), h = load_up_to(o->from[i] + at, lanes);
    const vec d_opened = load(o->d_opened + i * o->next_carry + at);
    real *carry = o->carry + i * o->next_carry + at;
    store_up_to(o->d[i] + at, d_opened * h * gate_slope(gate, r), lanes);
    store_up_to(o->opened[i] + at, r * h, lanes);
    store(carry, load(carry) + d_opened * r);
}

/* A whole panel is compiled apart, so that only the last one asks how many lanes it has. */
#define POINTWISE(name, body)                                   \
    APART void NAME(name)(int n, const gate_operands *o) {      \
        if (o->lanes == LANES) {                                \
            const ptrdiff_t lanes = LANES;                      \
            body;                                               \
        } else {                                                \
            const ptrdiff_t lanes = o->lanes;                   \
            body;                                               \
        }                                                       \
    }
/* Row after row, so that what was saved is read in the order in which it lies. */
#define ROWWISE(name, body)                                                                  \
    APART void NAME(name)(int rows, const slope_operands *o) {                               \
        for (int i = 0; i < rows; i++) {                                                     \
            ptrdiff_t at = o->unit;                                                          \
            for (const ptrdiff_t lanes = LANES; at + LANES <= o->end; at += LANES) { body; } \
            if (at < o->end) {                                                               \
                const ptrdiff_t lanes = o->end - at;                                         \
                body;                                                                        \
            }                                                                                \
        }                                                                                    \
    }
#define OF_BOTH(G, A)                                                                  \
    POINTWISE(close_after_##G##_##A, close_after(G, A, lanes, n, o))        \
    ROWWISE(slopes_after_##G##_##A, slopes_after(G, A, lanes, at, i, o))          \
    ROWWISE(slopes_before_##G##_##A, slopes_before(G, A, lanes, at, i, o))
#define OF_GATE(G)                                                          \
    POINTWISE(open_before_##G, open_before(G, lanes, n, o))        \
    ROWWISE(slopes_opened_##G, slopes_opened(G, lanes, at, i, o))        \
    OF_BOTH(G, TANH) OF_BOTH(G, SOFTSIGN) OF_BOTH(G, RELU)
#define OF_ACT(A) POINTWISE(close_before_##A, close_before(A, lanes, n, o))
OF_GATE(SIGMOID)
OF_GATE(HARD_SIGMOID)
OF_ACT(TANH)
OF_ACT(SOFTSIGN)
OF_ACT(RELU)

#define ACTS_(a, b, c) {NAME(a), NAME(b), NAME(c)}
#define ACTS(name) ACTS_(name##_TANH, name##_SOFTSIGN, name##_RELU)
static const gate_function closing_after[2][3] = {ACTS(close_after_SIGMOID), ACTS(close_after_HARD_SIGMOID)};
static const gate_function closing_before[3] = ACTS(close_before);
static const gate_function opening_before[2] = {NAME(open_before_SIGMOID), NAME(open_before_HARD_SIGMOID)};
static const slope_function sloping_after[2][3] = {ACTS(slopes_after_SIGMOID), ACTS(slopes_after_HARD_SIGMOID)};
static const slope_function sloping_before[2][3] = {ACTS(slopes_before_SIGMOID), ACTS(slopes_before_HARD_SIGMOID)};
static const slope_function sloping_opened[2] = {NAME(slopes_opened_SIGMOID), NAME(slopes_opened_HARD_SIGMOID)};

#endif
