/* The threads that share a call, and the barrier at which they meet.

   There is one team in a process.  A call takes it, runs its parts, and thereby gives it back:

       int parts = dlgru_team_take(wanted);
       dlgru_team_run(parts, work, &job);

   Whoever asks while the team is taken gets one part and works alone, so nobody ever waits
   for somebody else's call.  What a call computes must not depend on the number of parts. */
#ifndef DLGRU_THREADS_H
#define DLGRU_THREADS_H

#include "waiting.h"

/* A recurrent step has too little work for more. */
#define DLGRU_MAX_PARTS 64

/* Threads a call may use now: what dlgru_team_limit set, else OMP_NUM_THREADS, else the
   processors this thread may run on. */
int dlgru_team_size(void);

/* Set that number; 0 takes the limit away. */
void dlgru_team_limit(int threads);

/* Reserve the team.  Returns how many parts will run at once: at most `wanted` and
   dlgru_team_size(), and 1 if the team is taken.  After 2 or more, dlgru_team_run must follow,
   with the same number, or dlgru_team_return. */
int dlgru_team_take(int wanted);

/* Call work(job, part, parts) for every part at once, part 0 in the calling thread; return
   when all are done, with the team free again. */
void dlgru_team_run(int parts, void (*work)(void *job, int part, int parts), void *job);

/* Give the team back unused. */
void dlgru_team_return(int parts);

/* For the barrier: part 0 has slept, waiting for others.  Returns 0 if it would be done sooner alone;
   the team then rests for a while, that is, dlgru_team_take gives 1. */
int dlgru_team_pays(void);

/* Where the parts of a run wait for each other. */
typedef struct {
    int parts, rounds;
    atomic_uint alone_after; /* the meeting after which part 0 goes on alone; 0 for none */
    atomic_uint meet_from;   /* the meeting from which on no part passes; 0 for none */
    atomic_uint dozing;      /* parts that sleep until rows are there, or are about to */
    char gap[64];            /* what different parts write lies on different cache lines */
    struct {
        dlgru_signal arrived[6]; /* one a round; 2^6 = DLGRU_MAX_PARTS */
        atomic_uint dozes;       /* 1 while this part is to be woken */
        char gap[64];            /* others write above, this part below */
        unsigned count;
        char end[60];
    } part[DLGRU_MAX_PARTS];
} dlgru_barrier;

void dlgru_barrier_init(dlgru_barrier *barrier, int parts);

/* Meet: return when every part has called this; what any of them wrote before is then seen by all.

   Returns 1 if all go on.  Returns 0, to all parts at the same meeting, if the meetings cost more
   than they save, because other programs hold the processors: then part 0 should do all that
   remains alone, and the other parts should return.  Parts that go on nevertheless still meet. */
int dlgru_barrier_wait(dlgru_barrier *barrier, int part);

/* In place of such meetings a part may look at what the others write, until everything is there that
   they write before a meeting: then it *passes* the meeting.

       if (dlgru_barrier_passes(barrier, part)) {
           dlgru_barrier_tell(barrier);
           while (something is missing) dlgru_barrier_await(barrier, part, &awaited);
           go_on = dlgru_barrier_pass(barrier, part, &awaited);
       } else
           go_on = dlgru_barrier_wait(barrier, part);

   `go_on` is as above; but only if it is 0 is everything seen that others wrote.  If a part has had to
   sleep, all parts really meet from the next time on: there nobody is woken too late. */
typedef struct {
    dlgru_patience patience;
    int dozes;
    long long slept; /* nanoseconds; 0 if this part need not sleep */
} dlgru_awaited;

/* Whether a part may pass the next meeting, as far as it knows. */
static inline int dlgru_barrier_passes(const dlgru_barrier *barrier, int part) {
    const unsigned from = atomic_load_explicit(&barrier->meet_from, memory_order_relaxed);
    return from == 0 || barrier->part[part].count < from;
}

void dlgru_barrier_rouse(dlgru_barrier *barrier);

/* Wake those who sleep for what this part has just written.  Perhaps not one who falls asleep at this
   moment: it will look again within a millisecond. */
static inline void dlgru_barrier_tell(dlgru_barrier *barrier) {
    if (atomic_load_explicit(&barrier->dozing, memory_order_relaxed)) dlgru_barrier_rouse(barrier);
}

void dlgru_barrier_await(dlgru_barrier *barrier, int part, dlgru_awaited *awaited);
int dlgru_barrier_pass(dlgru_barrier *barrier, int part, dlgru_awaited *awaited);

#endif
