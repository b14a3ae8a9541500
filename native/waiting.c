#define _GNU_SOURCE
#include "waiting.h"

#include <limits.h>

/* -- how the system lets a thread sleep ---------------------------------------------------------

   sleep_while(word, value, brief) returns when the word no longer has that value, or sooner; if
   `brief`, after a millisecond at the latest.  wake(word) ends such a sleep. */

#if defined(__linux__)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void sleep_while(atomic_uint *word, unsigned value, int brief) {
    const struct timespec millisecond = {0, 1000000};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, brief ? &millisecond : 0, 0, 0);
}

/* A sender looks whether the waiter sleeps without waiting until its own write has arrived: that
   took half of a meeting.  So once in a while it looks too early.  A waiter therefore sleeps only
   briefly at first: what it has written, and what was written before, has then arrived. */
#define BEFORE_LOOKING() ((void)0)

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
#define SLEEP() SleepConditionVariableSRW(&changed, &lock, INFINITE, 0)
#define WAKE_ALL() WakeAllConditionVariable(&changed)

void dlgru_waiting_after_fork(void) {}
#else
#include <pthread.h>
#include <time.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
#define LOCK() pthread_mutex_lock(&lock)
#define UNLOCK() pthread_mutex_unlock(&lock)
#define SLEEP() pthread_cond_wait(&changed, &lock)
#define WAKE_ALL() pthread_cond_broadcast(&changed)

void dlgru_waiting_after_fork(void) {
    /* A thread that is gone may have held the lock. */
    pthread_mutex_init(&lock, 0);
    pthread_cond_init(&changed, 0);
}
#endif

static void sleep_while(atomic_uint *word, unsigned value, int brief) {
    (void)brief; /* the sender waits until its write has arrived */
    LOCK();
    while (atomic_load_explicit(word, memory_order_acquire) == value) SLEEP();
    UNLOCK();
}

#define BEFORE_LOOKING() atomic_thread_fence(memory_order_seq_cst)

static void wake(atomic_uint *word) {
    (void)word;
    LOCK(); /* so that nobody is between looking at the word and falling asleep */
    WAKE_ALL();
    UNLOCK();
}

#endif

/* -- spinning ---------------------------------------------------------------------------------- */

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() __asm__ volatile("isb" ::: "memory") /* on arm64 `yield` takes no time */
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

static int reached(dlgru_signal *signal, unsigned count) {
    return (int)(atomic_load_explicit(&signal->count, memory_order_acquire) - count) >= 0;
}

/* Look until the count is there (1) or the time is over (0).  The clock is read only every so
   often, and not at all for the shortest waits. */
static int spin(dlgru_signal *signal, unsigned count, int nanoseconds) {
    long long end = 0;
    for (;;) {
        for (int k = 0; k < 32; k++) {
            if (reached(signal, count)) return 1;
            PAUSE();
        }
        if (end == 0) end = dlgru_now() + nanoseconds;
        else if (dlgru_now() >= end) return 0;
    }
}

/* -- signals ----------------------------------------------------------------------------------- */

void dlgru_signal_init(dlgru_signal *signal, unsigned count) {
    atomic_store_explicit(&signal->count, count, memory_order_relaxed);
    atomic_store_explicit(&signal->asleep, 0, memory_order_relaxed);
}

void dlgru_signal_send(dlgru_signal *signal, unsigned count) {
    atomic_store_explicit(&signal->count, count, memory_order_release);
    BEFORE_LOOKING();
    if (!atomic_load_explicit(&signal->asleep, memory_order_relaxed)) return;
    atomic_store_explicit(&signal->asleep, 0, memory_order_release);
    wake(&signal->asleep);
}

long long dlgru_signal_wait(dlgru_signal *signal, unsigned count, int nanoseconds) {
    if (spin(signal, count, nanoseconds)) return 0;
    const long long slept = dlgru_now();
    for (int times = 0;; times++) {
        /* A late sender may have taken this back, but then its count is there. */
        atomic_store(&signal->asleep, 1);
        if ((int)(atomic_load(&signal->count) - count) >= 0) break;
        sleep_while(&signal->asleep, 1, times == 0);
    }
    atomic_store_explicit(&signal->asleep, 0, memory_order_relaxed);
    return nanoseconds + dlgru_now() - slept;
}
