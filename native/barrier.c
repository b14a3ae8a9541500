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
    while (1 << barrier->rounds < parts) barrier->rounds++;
    for (int p = 0; p < parts; p++) {
        for (int k = 0; k < barrier->rounds; k++)
            dlgru_signal_init(&barrier->part[p].arrived[k], 0);
        barrier->part[p].count = 0;
    }
}

/* Tells the others that this part has come to meeting number `count`, and waits for them; returns
   how many nanoseconds it took if this part had to sleep, else 0. */
static long long gather(dlgru_barrier *barrier, int part, unsigned count) {
    const int parts = barrier->parts;
    long long waited = 0;
    for (int k = 0; k < barrier->rounds; k++) {
        int told = part + (1 << k);
        if (told >= parts) told -= parts;
        dlgru_signal_send(&barrier->part[told].arrived[k], count);
        waited += dlgru_signal_wait(&barrier->part[part].arrived[k], count, DLGRU_SPIN);
    }
    return waited;
}

/* Whether all go on after meeting number `count`, for which this part slept that long. */
static int go_on(dlgru_barrier *barrier, int part, unsigned count, long long waited) {
    if (part == 0 && waited > 0 && !after(barrier) && !dlgru_team_pays(waited))
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

int dlgru_barrier_pass(dlgru_barrier *barrier, int part, long long waited) {
    const unsigned count = ++barrier->part[part].count;
    if (go_on(barrier, part, count, waited)) return 1;
    gather(barrier, part, count);
    return 0;
}
