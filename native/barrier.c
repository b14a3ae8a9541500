#include "threads.h"

/* A dissemination barrier: in round k, part p signals to part p + 2^k and waits for part p - 2^k
   (counted around).  After log2(parts) rounds everybody has heard of everybody.  Each signal has
   one sender and one waiter, so two parts meet at the price of one cache line each way: about
   0.2 us. */

#if defined(DLGRU_IMPATIENT) /* in the fuzz, so that parts sleep often */
enum { SPIN = 0 };
#else
enum { SPIN = 60000 /* nanoseconds */ };
#endif

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

int dlgru_barrier_wait(dlgru_barrier *barrier, int part) {
    const int parts = barrier->parts;
    const unsigned count = ++barrier->part[part].count;
    long long waited = 0;
    for (int k = 0; k < barrier->rounds; k++) {
        int told = part + (1 << k);
        if (told >= parts) told -= parts;
        dlgru_signal_send(&barrier->part[told].arrived[k], count);
        waited += dlgru_signal_wait(&barrier->part[part].arrived[k], count, SPIN);
    }
    if (part == 0 && waited > 0 && !after(barrier) && !dlgru_team_pays(waited))
        /* Not after this meeting, which others may have left already, but after the next: part 0
           has to come to that one before anybody leaves it. */
        atomic_store_explicit(&barrier->alone_after, count + 1, memory_order_relaxed);
    const unsigned last = after(barrier);
    return last == 0 || count < last;
}
