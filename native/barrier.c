#include "threads.h"

/* A dissemination barrier: in round k, part p signals to part p + 2^k and waits for part p - 2^k
   (counted around).  After log2(parts) rounds everybody has heard of everybody.  Each signal has
   one sender and one waiter, so two parts meet at the price of one cache line each way: about
   0.2 us. */

static unsigned after(dlgru_barrier *barrier) {
    return atomic_load_explicit(&barrier->alone_after, memory_order_relaxed);
}

void dlgru_barrier_init(dlgru_barrier *barrier, int parts) {
    barrier->parts = parts;
    barrier->rounds = 0;
    atomic_store_explicit(&barrier->alone_after, 0, memory_order_relaxed);
    atomic_store_explicit(&barrier->meet_from, 0, memory_order_relaxed);
    atomic_store_explicit(&barrier->dozing, 0, memory_order_relaxed);
    while (1 << barrier->rounds < parts) barrier->rounds++;
    for (int p = 0; p < parts; p++) {
        for (int k = 0; k < barrier->rounds; k++)
            dlgru_signal_init(&barrier->part[p].arrived[k], 0);
        atomic_store_explicit(&barrier->part[p].dozes, 0, memory_order_relaxed);
        barrier->part[p].count = 0;
    }
}

/* Tells the others that this part has come to meeting number `count`, and waits for them; returns
   whether this part had to sleep. */
static int gather(dlgru_barrier *barrier, int part, unsigned count) {
    const int parts = barrier->parts;
    int slept = 0;
    for (int k = 0; k < barrier->rounds; k++) {
        int told = part + (1 << k);
        if (told >= parts) told -= parts;
        dlgru_signal_send(&barrier->part[told].arrived[k], count);
        slept |= dlgru_signal_wait(&barrier->part[part].arrived[k], count, DLGRU_SPIN);
    }
    return slept;
}

/* Whether all go on after meeting number `count`, for which this part perhaps had to sleep. */
static int go_on(dlgru_barrier *barrier, int part, unsigned count, int slept) {
    if (part == 0 && slept && !after(barrier) && !dlgru_team_pays())
        /* Not after this meeting, which others may have left already, but after the next: part 0
           has to come to that one before anybody leaves it. */
        atomic_store_explicit(&barrier->alone_after, count + 1, memory_order_relaxed);
    const unsigned last = after(barrier);
    return last == 0 || count < last;
}

int dlgru_barrier_wait(dlgru_barrier *barrier, int part) {
    const unsigned count = ++barrier->part[part].count;
    return go_on(barrier, part, count, gather(barrier, part, count));
}

void dlgru_barrier_rouse(dlgru_barrier *barrier) {
    for (int p = 0; p < barrier->parts; p++) dlgru_rouse(&barrier->part[p].dozes);
}

void dlgru_barrier_await(dlgru_barrier *barrier, int part, dlgru_awaited *awaited) {
    atomic_uint *dozes = &barrier->part[part].dozes;
    if (awaited->dozes) {
        dlgru_doze(dozes);
        awaited->slept = dlgru_now() - awaited->patience.since + 1;
    } else if (dlgru_look_again(&awaited->patience)) {
        return;
    } else {
        awaited->dozes = 1;
        atomic_fetch_add(&barrier->dozing, 1);
    }
    atomic_store(dozes, 1); /* and then it looks once more before it sleeps */
}

int dlgru_barrier_pass(dlgru_barrier *barrier, int part, dlgru_awaited *awaited) {
    const unsigned from = atomic_load_explicit(&barrier->meet_from, memory_order_relaxed);
    const unsigned count = barrier->part[part].count + 1;
    if (awaited->dozes) {
        atomic_store(&barrier->part[part].dozes, 0);
        atomic_fetch_sub(&barrier->dozing, 1);
    }
    if (from != 0 && count >= from) return dlgru_barrier_wait(barrier, part);
    barrier->part[part].count = count;
    if (awaited->slept) atomic_store_explicit(&barrier->meet_from, count + 1, memory_order_relaxed);
    return go_on(barrier, part, count, awaited->slept != 0);
}
