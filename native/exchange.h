/* How parts hand each other a step's row of one observation: the row itself is the signal.

   A meeting takes three trips between processors: the sender fetches the line of the signal, the
   waiter fetches it back, and only then asks for the numbers.  Here all outputs are set to a mark
   before the walk, and whoever needs a row looks at it until no mark is left.  Forward runs of H = 128
   on two threads take 6 % less time so, and up to 15 % less where the processors are far from each
   other.  Backward, where three rows of gradients go to and fro, nothing was gained by it.

   The mark is a signalling NaN.  Arithmetic never gives one, whatever it is given, and the last thing
   that is done to a state is arithmetic.  A processor may write a vector in pieces, but never half a
   number. */
#ifndef DLGRU_EXCHANGE_H
#define DLGRU_EXCHANGE_H

#include "places.h"

#if REAL_BITS == 32
#define MARK ((whole)0x7fa5a5a5)
#else
#define MARK ((whole)0x7ff5a5a5a5a5a5a5)
#endif

/* Reading and writing whole vectors while another part does the other is more than C promises.  For the
   sanitizer of threads, and as the exact statement of what is meant, it is done number by number. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NUMBER_BY_NUMBER
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define NUMBER_BY_NUMBER
#endif
#if defined(NUMBER_BY_NUMBER)
#define FENCE(order) (void)0 /* each number has its own */
#else
#define FENCE(order) __atomic_thread_fence(order)
#endif

/* The bits of a number.  As a number a mark may be changed by being moved, in registers of x87. */
typedef whole bits_of_real __attribute__((may_alias));

/* Whether the parts of a run exchange rows: else they meet after each step. */
INLINE int exchanges(const dlgru_run *run) { return run->by_units && run->B == 1 && !run->before; }

static void set_marks(real *at, ptrdiff_t count) {
    bits_of_real *bits = (bits_of_real *)at;
    for (ptrdiff_t k = 0; k < count; k++) bits[k] = MARK;
}

/* Writes up to a vector of numbers that other parts may be looking for. */
INLINE void hand_over(real *at, vec value, ptrdiff_t n) {
#if defined(NUMBER_BY_NUMBER)
    for (ptrdiff_t i = 0; i < smaller(n, LANES); i++)
        __atomic_store_n((bits_of_real *)at + i, ((whole_vec)value)[i], __ATOMIC_RELEASE);
#else
    store_up_to(at, value, n);
#endif
}

/* Whether up to a vector of numbers is there. */
INLINE int is_there(const real *at, ptrdiff_t n) {
#if defined(NUMBER_BY_NUMBER)
    for (ptrdiff_t i = 0; i < n; i++)
        if (__atomic_load_n((const bits_of_real *)at + i, __ATOMIC_ACQUIRE) == MARK) return 0;
    return 1;
#else
    __asm__ volatile("" ::: "memory"); /* look anew */
    whole_vec bits = {0};
    if (n == LANES)
        memcpy(&bits, at, sizeof bits);
    else
        memcpy(&bits, at, (size_t)n * sizeof(real));
    const whole_vec missing = bits == (MARK - (whole_vec){0});
    int64_t pieces[sizeof missing / sizeof(int64_t)], any = 0;
    memcpy(pieces, &missing, sizeof missing);
    UNROLL for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) any |= pieces[k];
    return any == 0;
#endif
}

/* Waits for numbers that others hand over. */
INLINE void look_for(const dlgru_run *run, int part, const real *at, ptrdiff_t count, dlgru_awaited *awaited) {
    for (ptrdiff_t k = 0; k < count; k += LANES)
        while (!is_there(at + k, smaller(LANES, count - k))) dlgru_barrier_await(run->barrier, part, awaited);
}

/* In place of a meeting, when this part has written the units `own` of a row: returns as soon as the
   row is there, 1 if all go on, else 0 and part 0 has all shares.  Only in that case is everything
   seen that others wrote before. */
INLINE int exchange(const dlgru_run *run, int part, int parts, range *shares, const real *row, range own) {
    if (shares->end - shares->first == parts) return 1;
    if (!dlgru_barrier_passes(run->barrier, part)) {
        meet(run, part, parts, shares);
        return shares->end - shares->first < parts;
    }
    dlgru_awaited awaited = {0};
    dlgru_barrier_tell(run->barrier);
    look_for(run, part, row, own.first, &awaited);
    look_for(run, part, row + own.end, run->H - own.end, &awaited);
    FENCE(__ATOMIC_ACQUIRE);
    const int go_on = dlgru_barrier_pass(run->barrier, part, &awaited);
    if (awaited.slept) FENCE(__ATOMIC_RELEASE); /* who sees the next row sees what was decided */
    if (!go_on) *shares = (range){0, parts};
    return go_on;
}

#endif
