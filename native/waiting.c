#define _GNU_SOURCE
#include "waiting.h"

#include <limits.h>

/* -- how the system lets a thread sleep ---------------------------------------------------------

   sleep_while(word, value, milliseconds) returns when the word no longer has that value, or sooner,
   and at the latest after that time, if it is not 0; wake(word) ends such a sleep. */

#if defined(__linux__)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void sleep_while(atomic_uint *word, unsigned value, int milliseconds) {
    const struct timespec most = {0, milliseconds * 1000000L};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, milliseconds ? &most : 0, 0, 0);
}

static void wake(atomic_uint *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0); }

void dlgru_waiting_after_fork(void) {}

#else

/* One lock for all sleepers of the process: they sleep seldom. */

#if defined(_WIN32)
#include <windows.h>
static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
#define LOCK() AcquireSRWLockExclusive(&lock)
#define UNLOCK() ReleaseSRWLockExclusive(&lock)
#define WAKE_ALL() WakeAllConditionVariable(&changed)

/* Nanoseconds this thread has slept.  The system tells the time of a thread in steps of 16 ms only. */
static _Thread_local long long asleep;

static int sleep_until_changed(int milliseconds) { /* returns 0 when the time is over */
    const long long before = dlgru_now();
    const int changes = SleepConditionVariableSRW(&changed, &lock, milliseconds ? (DWORD)milliseconds : INFINITE, 0);
    asleep += dlgru_now() - before;
    return changes;
}

long long dlgru_time_on_processor(void) { return dlgru_now() - asleep; }

void dlgru_waiting_after_fork(void) {}
#else
#include <pthread.h>
#include <time.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
#define LOCK() pthread_mutex_lock(&lock)
#define UNLOCK() pthread_mutex_unlock(&lock)
#define WAKE_ALL() pthread_cond_broadcast(&changed)

static int sleep_until_changed(int milliseconds) { /* returns 0 when the time is over */
    if (!milliseconds) return pthread_cond_wait(&changed, &lock) == 0;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += milliseconds * 1000000L;
    if (end.tv_nsec >= 1000000000L) end.tv_sec++, end.tv_nsec -= 1000000000L;
    return pthread_cond_timedwait(&changed, &lock, &end) == 0;
}

void dlgru_waiting_after_fork(void) {
    /* A thread that is gone may have held the lock. */
    pthread_mutex_init(&lock, 0);
    pthread_cond_init(&changed, 0);
}
#endif

static void sleep_while(atomic_uint *word, unsigned value, int milliseconds) {
    LOCK();
    while (atomic_load_explicit(word, memory_order_acquire) == value)
        if (!sleep_until_changed(milliseconds)) break;
    UNLOCK();
}

static void wake(atomic_uint *word) {
    (void)word;
    LOCK(); /* so that nobody is between looking at the word and falling asleep */
    WAKE_ALL();
    UNLOCK();
}

#endif

/* -- spinning ---------------------------------------------------------------------------------- */

#if defined(_WIN32)
#define YIELD() SwitchToThread()
#else
#include <sched.h>
#define YIELD() sched_yield()
#endif

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("isb" ::: "memory") /* here `yield` takes no time */
#else
#define PAUSE() __asm__ volatile("" ::: "memory")
#endif

long long dlgru_now(void) {
#if defined(_WIN32)
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    return (long long)(1e9 * (double)ticks.QuadPart / (double)rate.QuadPart);
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
#endif
}

#if !defined(_WIN32)
long long dlgru_time_on_processor(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
#endif

static int reached(unsigned state, unsigned count) { return (int)(state - 2 * count) >= 0; }

static unsigned look(dlgru_signal *signal) {
    return atomic_load_explicit(&signal->state, memory_order_acquire);
}

/* Look until the count is there (1) or the time is over (0).  The clock is read only every so
   often, and not at all for the shortest waits.  In a long one others may have the processor: a
   thread of OpenBLAS, say, without which a product in between takes twice as long. */
static int spin(dlgru_signal *signal, unsigned count, int nanoseconds) {
    long long end = 0;
    for (;;) {
        for (int k = 0; k < 32; k++) {
            if (reached(look(signal), count)) return 1;
            PAUSE();
        }
        const long long now = dlgru_now();
        if (end == 0) end = now + nanoseconds;
        if (now >= end) return 0;
        if (now >= end - nanoseconds + DLGRU_SPIN) YIELD();
    }
}

/* -- signals ----------------------------------------------------------------------------------- */

void dlgru_signal_init(dlgru_signal *signal, unsigned count) {
    atomic_store_explicit(&signal->state, 2 * count, memory_order_relaxed);
}

void dlgru_signal_send(dlgru_signal *signal, unsigned count) {
    unsigned before = atomic_exchange_explicit(&signal->state, 2 * count, memory_order_acq_rel);
    if (before & 1) wake(&signal->state);
}

int dlgru_signal_wait(dlgru_signal *signal, unsigned count, int nanoseconds) {
    if (spin(signal, count, nanoseconds)) return 0;
    for (;;) {
        unsigned state = look(signal);
        if (reached(state, count)) return 1;
        /* Say that this thread sleeps, unless the sender was quicker. */
        if (!(state & 1) && !atomic_compare_exchange_strong_explicit(
                                &signal->state, &state, state | 1, memory_order_acq_rel,
                                memory_order_acquire))
            continue;
        sleep_while(&signal->state, state | 1, 0);
    }
}

/* -- looking at memory -------------------------------------------------------------------------- */

int dlgru_look_again(dlgru_patience *patience) {
    PAUSE();
    if (++patience->looks % 32) return 1; /* the clock is read only every so often */
    const long long now = dlgru_now();
    if (!patience->since) patience->since = now;
    return now - patience->since < DLGRU_SPIN;
}

void dlgru_doze(atomic_uint *word) {
    const unsigned value = atomic_load_explicit(word, memory_order_acquire);
    if (value) sleep_while(word, value, 1);
}

void dlgru_rouse(atomic_uint *word) {
    if (atomic_exchange_explicit(word, 0, memory_order_acq_rel)) wake(word);
}
