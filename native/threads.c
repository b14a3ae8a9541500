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
    int sleeps;              /* of the caller, waiting for workers, in a few runs until now */
    long long spent, began;  /* nanoseconds these runs took, but for this one, which began then */
    long long waited;        /* of that, what the caller slept */
    long long rest;          /* how long the last rest was */
    fenv_t arithmetic; /* of the caller: rounding and denormals must not depend on the thread */
#if defined(__linux__)
    cpu_set_t processors; /* where the workers may run */
#endif
} team = {.taken = ATOMIC_FLAG_INIT};

/* Between two calls of a training loop lies some Python.  A worker that is still awake starts
   at once, one that sleeps some microseconds late. */
enum { SPIN_FOR_WORK = 1000000 /* nanoseconds */, SPIN_FOR_WORKERS = 60000 };

static void serve(int part) {
    member *me = &team.worker[part];
    for (unsigned run = 1;; run++) {
        dlgru_signal_wait(&me->start, run, SPIN_FOR_WORK);
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

/* When another program stays on one of two processors, its share of time comes in slices of
   milliseconds.  A worker there is late by as much; or both parts share the other processor, and
   then every meeting at the barrier is a change of threads, so that short steps took eight times
   as long as one part alone would.  One sleep of the caller means nothing; after a few of them it
   asks whether the team still pays.  Shares are about equal: alone part 0 needs about `parts` times
   what it works.  If the team does not pay it rests, after a single mishap
   not much longer than that took, but twice as long each time that the next trial fails soon: a run
   that began while it rested ends first, and a trial takes its time to fail. */
#if defined(DLGRU_IMPATIENT)
enum { SLEEPS = 2, LONGEST_REST = 0, SOON = 0 };
#else
enum { SLEEPS = 4, LONGEST_REST = 200000000 /* nanoseconds */, SOON = 10000000 };
#endif

static atomic_llong rests_until;

int dlgru_team_pays(long long nanoseconds) {
    const long long now = dlgru_now();
    if (team.sleeps++ == 0) { /* from here on it is measured: earlier, better times do not count */
        team.began = now;
        team.spent = team.waited = 0;
        return 1;
    }
    team.waited += nanoseconds;
    if (team.sleeps < SLEEPS) return 1;
    const long long worked = team.spent + (now - team.began) - team.waited;
    const int pays = LONGEST_REST > 0 && team.waited <= (team.parts - 1) * worked;
    if (!pays) {
        const long long last = atomic_load_explicit(&rests_until, memory_order_relaxed);
        team.rest = now - last < team.rest + SOON ? 2 * team.rest : 4 * team.waited;
        if (team.rest > LONGEST_REST) team.rest = LONGEST_REST;
        atomic_store_explicit(&rests_until, now + team.rest, memory_order_relaxed);
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
    team.began = dlgru_now();
    fegetenv(&team.arithmetic);
    for (int p = 1; p < parts; p++) dlgru_signal_send(&team.worker[p].start, ++team.worker[p].runs);
    work(job, 0, parts);
    long long waited = 0;
    for (int p = 1; p < parts; p++) {
        member *one = &team.worker[p];
        waited += dlgru_signal_wait(&one->done, one->runs, SPIN_FOR_WORKERS);
    }
    if (waited) dlgru_team_pays(waited);
    team.spent += dlgru_now() - team.began;
    dlgru_team_return(parts);
}
