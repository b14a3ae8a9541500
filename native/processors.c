#define _GNU_SOURCE
#include "processors.h"

#include "threads.h"

#include <stdatomic.h>
#include <stdlib.h>

#if defined(_WIN32)
#include <windows.h>

int dlgru_processors(void) {
    DWORD_PTR ours = 0, all = 0;
    int count = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &ours, &all))
        for (; ours; ours &= ours - 1) count++;
    return count > 0 ? count : 1;
}
#else
#include <sched.h>
#include <unistd.h>

int dlgru_processors(void) {
#if defined(__linux__)
    cpu_set_t ours;
    if (sched_getaffinity(0, sizeof ours, &ours) == 0) return CPU_COUNT(&ours);
#endif
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}
#endif

/* The first number of OMP_NUM_THREADS, which may be a list; 0 without one. */
static int threads_of_environment(void) {
    const char *text = getenv("OMP_NUM_THREADS");
    const long number = text ? strtol(text, 0, 10) : 0;
    return number < 0 ? 0 : number > DLGRU_MAX_PARTS ? DLGRU_MAX_PARTS : (int)number;
}

static atomic_int limit;                     /* 0: none was set */
static atomic_int environment_says = -1;     /* not read yet */

void dlgru_team_limit(int threads) {
    if (threads < 0) threads = 0;
    if (threads > DLGRU_MAX_PARTS) threads = DLGRU_MAX_PARTS;
    atomic_store_explicit(&limit, threads, memory_order_relaxed);
}

int dlgru_team_size(void) {
    int size = atomic_load_explicit(&limit, memory_order_relaxed);
    if (size > 0) return size;
    size = atomic_load_explicit(&environment_says, memory_order_relaxed);
    if (size < 0) {
        size = threads_of_environment();
        atomic_store_explicit(&environment_says, size, memory_order_relaxed);
    }
    if (size > 0) return size;
    size = dlgru_processors(); /* asked each time, 0.1 us: the affinity may change */
    return size > DLGRU_MAX_PARTS ? DLGRU_MAX_PARTS : size;
}
