#define _GNU_SOURCE
#include "threads.h"

#include <fenv.h>
#include <stdint.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif

typedef struct {
    dlgru_signal start, done;
    unsigned runs;
#if !defined(_WIN32)
    pthread_t thread;
#endif
    char gap[64]; /* neighbours share no cache line */
} member;

/* Whoever has set `taken` owns everything else here. */
static struct {
    atomic_flag taken;
    int workers;                    /* how many there are; they live as long as the process */
    member worker[DLGRU_MAX_PARTS]; /* worker[p] runs part p; the caller is part 0 */
    void (*work)(void *job, int part, int parts);
    void *job;
    int parts;
    atomic_int seat[DLGRU_MAX_PARTS]; /* the processor where each part began its last run */
    int sleeps;                /* of the caller, waiting for workers, in a few runs until now */
    long long spent, began;    /* nanoseconds these runs took, but for this one, which began then */
    long long worked, working; /* of that, what the caller had a processor; its clock when this one began */
    long long rest;            /* how long the last rest was */
    int tries;                 /* the next run is the first after a rest */
    fenv_t arithmetic; /* of the caller: rounding and denormals must not depend on the thread */
#if defined(__linux__)
    cpu_set_t processors; /* where the workers may run */
#endif
} team = {.taken = ATOMIC_FLAG_INIT};

/* Between two calls of a training loop lies some Python.  A worker that is still awake starts
   at once, one that sleeps some microseconds late. */
enum { SPIN_FOR_WORK = 1000000 /* nanoseconds */ };

static void take_a_seat(int part);

static void serve(int part) {
    member *me = &team.worker[part];
    for (unsigned run = 1;; run++) {
        dlgru_signal_wait(&me->start, run, SPIN_FOR_WORK);
        take_a_seat(part);
        fesetenv(&team.arithmetic);
        team.work(team.job, part, team.parts);
        dlgru_signal_send(&me->done, run);
    }
}

/* -- making workers ---------------------------------------------------------------------------- */

#if defined(_WIN32)

static DWORD WINAPI worker(void *part) {
    serve((int)(intptr_t)part);
    return 0;
}

static int start(int part) {
    HANDLE thread = CreateThread(0, 0, worker, (void *)(intptr_t)part, 0, 0);
    if (thread) CloseHandle(thread);
    return thread != 0;
}

static int prepared_for_fork(void) { return 1; }
static void follow_the_caller(void) {}
static void take_a_seat(int part) { (void)part; }

#else

enum { STACK = 1 << 20 };

static void *worker(void *part) {
    serve((int)(intptr_t)part);
    return 0;
}

/* Without signals: those are the business of the program's own threads. */
static int start(int part) {
    sigset_t all, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return 0;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed =
        pthread_create(&team.worker[part].thread, &attributes, worker, (void *)(intptr_t)part);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    pthread_attr_destroy(&attributes);
    return !failed;
}

/* The child of a fork has only the thread that forked. */
static void in_child(void) {
    team.workers = 0;
    atomic_flag_clear(&team.taken);
    dlgru_waiting_after_fork();
}

static int prepared_for_fork(void) {
    static int prepared;
    if (!prepared) prepared = pthread_atfork(0, 0, in_child) == 0;
    return prepared;
}

/* New threads may run where their maker may.  If that has changed since, they move. */
static void follow_the_caller(void) {
#if defined(__linux__)
    cpu_set_t now;
    if (sched_getaffinity(0, sizeof now, &now) || CPU_EQUAL(&now, &team.processors)) return;
    team.processors = now;
    for (int p = 1; p <= team.workers; p++)
        pthread_setaffinity_np(team.worker[p].thread, sizeof now, &now);
#endif
}

#if defined(__linux__)
/* Lets this thread, part p, run only where none of the parts before it sits; returns where it then runs. */
static int leave_taken_seats(int part) {
    cpu_set_t others = team.processors;
    for (int p = 0; p < part; p++) {
        const int at = atomic_load_explicit(&team.seat[p], memory_order_relaxed);
        if (at >= 0 && at < CPU_SETSIZE) CPU_CLR(at, &others);
    }
    if (CPU_COUNT(&others)) sched_setaffinity(0, sizeof others, &others);
    return sched_getcpu();
}
#endif

/* The scheduler sometimes wakes a worker on the processor of the caller, again and again, though another
   one is idle.  So a worker leaves a processor where a part before it sits. */
static void take_a_seat(int part) {
#if defined(__linux__)
    int at = sched_getcpu();
    for (int p = 0; p < part; p++)
        if (atomic_load_explicit(&team.seat[p], memory_order_relaxed) == at) {
            at = leave_taken_seats(part);
            break;
        }
    if (atomic_load_explicit(&team.seat[part], memory_order_relaxed) != at)
        atomic_store_explicit(&team.seat[part], at, memory_order_relaxed);
#else
    (void)part;
#endif
}

#endif

static void make_workers(int wanted) {
    while (team.workers < wanted) {
        member *one = &team.worker[team.workers + 1];
        dlgru_signal_init(&one->start, 0);
        dlgru_signal_init(&one->done, 0);
        one->runs = 0;
        if (!start(team.workers + 1)) return;
        team.workers++;
    }
}

/* -- the team ---------------------------------------------------------------------------------- */

/* When something else stays on one of two processors, another program or a thread of OpenBLAS, which
   looks for work for a tenth of a second after each product, a worker there is late by slices of
   milliseconds; or both parts share the other processor, and then every meeting at the barrier is a change
   of threads, so that short steps took eight times as long as one part alone would.

   One sleep of the caller means nothing.  Time is measured from there on: earlier, better times do not
   count.  After a few sleeps, or a long one, it asks whether the team still pays.  Shares are about equal:
   alone part 0 needs about `parts` times what it works.  The clock of its processor tells what that is,
   for on a shared one it also waits where it does not know it.  If the team does not pay it rests, after a
   single mishap not much longer than that took, but twice as long each time that the next trial fails soon.
   A trial is measured from its beginning, and fails soon also if a run that began while the team rested had
   to end first. */
#if defined(DLGRU_IMPATIENT)
enum { SLEEPS = 2, LONG_SLEEP = 0, LONGEST_REST = 0, SOON = 0 };
#else
enum { SLEEPS = 4, LONG_SLEEP = 1000000 /* nanoseconds */, LONGEST_REST = 200000000, SOON = 10000000 };
#endif

static atomic_llong rests_until;

static void measure_from(int sleeps, long long now) {
    team.sleeps = sleeps;
    team.spent = team.worked = 0;
    team.began = now, team.working = dlgru_time_on_processor();
}

int dlgru_team_pays(void) {
    const long long now = dlgru_now();
    if (!team.sleeps) {
        measure_from(1, now);
        return 1;
    }
    const long long spent = team.spent + (now - team.began);
    const long long worked = team.worked + (dlgru_time_on_processor() - team.working) - team.sleeps * DLGRU_SPIN;
    if (++team.sleeps < SLEEPS && spent - worked < LONG_SLEEP) return 1;
    const int pays = LONGEST_REST > 0 && spent <= team.parts * worked;
    if (!pays) {
        const long long last = atomic_load_explicit(&rests_until, memory_order_relaxed);
        team.rest = now - last < team.rest + SOON ? 2 * team.rest : 2 * spent;
        if (team.rest > LONGEST_REST) team.rest = LONGEST_REST;
        atomic_store_explicit(&rests_until, now + team.rest, memory_order_relaxed);
        team.tries = 1;
    }
    team.sleeps = 0;
    return pays;
}

static int resting(void) {
    const long long end = atomic_load_explicit(&rests_until, memory_order_relaxed);
    return end != 0 && dlgru_now() < end;
}

int dlgru_team_take(int wanted) {
    if (wanted > 1) {
        const int size = dlgru_team_size();
        if (wanted > size) wanted = size;
    }
    if (wanted < 2 || resting()) return 1;
    if (atomic_flag_test_and_set_explicit(&team.taken, memory_order_acquire)) return 1;
    if (prepared_for_fork()) {
        follow_the_caller();
        make_workers(wanted - 1);
    }
    if (wanted > team.workers + 1) wanted = team.workers + 1;
    if (wanted < 2) atomic_flag_clear_explicit(&team.taken, memory_order_release);
    return wanted < 2 ? 1 : wanted;
}

void dlgru_team_return(int parts) {
    if (parts > 1) atomic_flag_clear_explicit(&team.taken, memory_order_release);
}

void dlgru_team_run(int parts, void (*work)(void *job, int part, int parts), void *job) {
    if (parts < 2) {
        work(job, 0, 1);
        return;
    }
    team.work = work;
    team.job = job;
    team.parts = parts;
    if (team.tries) {
        team.tries = 0;
        measure_from(1, dlgru_now());
    } else if (team.sleeps) {
        team.began = dlgru_now(), team.working = dlgru_time_on_processor();
    }
    fegetenv(&team.arithmetic);
    take_a_seat(0);
    for (int p = 1; p < parts; p++) dlgru_signal_send(&team.worker[p].start, ++team.worker[p].runs);
    work(job, 0, parts);
    int slept = 0;
    for (int p = 1; p < parts; p++) slept |= dlgru_signal_wait(&team.worker[p].done, team.worker[p].runs, DLGRU_SPIN);
    if (slept) dlgru_team_pays();
    if (team.sleeps) {
        team.spent += dlgru_now() - team.began;
        team.worked += dlgru_time_on_processor() - team.working;
    }
    dlgru_team_return(parts);
}
