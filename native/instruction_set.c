#include "instruction_set.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Asked of the processor itself: __builtin_cpu_supports needs a run-time library that not
   every tool chain links. */

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>

static unsigned bit(unsigned word, int k) { return word >> k & 1; }

static int of_processor(void) {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return DLGRU_BASELINE;
    const int fma = bit(ecx, 12), xgetbv = bit(ecx, 27);
    if (!fma || !xgetbv) return DLGRU_BASELINE;
    /* The wide registers count only if the operating system saves them (XCR0). */
    unsigned saved, high;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return DLGRU_BASELINE;
    const int avx2 = bit(ebx, 5) && (saved & 0x06) == 0x06;
    const int avx512 = bit(ebx, 16) && bit(ebx, 17) && bit(ebx, 30) && bit(ebx, 31) /* F DQ BW VL */
                       && (saved & 0xe6) == 0xe6;
    return avx2 && avx512 ? DLGRU_AVX512 : avx2 ? DLGRU_AVX2 : DLGRU_BASELINE;
}
#else
static int of_processor(void) { return DLGRU_BASELINE; }
#endif

static int compiled(int set) {
    switch (set) {
#ifdef HAVE_AVX512
        case DLGRU_AVX512: return 1;
#endif
#ifdef HAVE_AVX2
        case DLGRU_AVX2: return 1;
#endif
        default: return set == DLGRU_BASELINE;
    }
}

static int set_of_environment(void) {
    static const char *const names[] = {"baseline", "avx2", "avx512"};
    const char *wanted = getenv("DLGRU_INSTRUCTION_SET");
    for (int set = DLGRU_BASELINE; wanted && set <= DLGRU_AVX512; set++)
        if (strcmp(wanted, names[set]) == 0) return set;
    return DLGRU_AVX512;
}

static int best_below(int set) {
    const int most = of_processor();
    if (set > most) set = most;
    while (set > DLGRU_BASELINE && !compiled(set)) set--;
    return set > DLGRU_BASELINE ? set : DLGRU_BASELINE;
}

static atomic_int used = -1;

int dlgru_instruction_set(void) {
    int set = atomic_load_explicit(&used, memory_order_relaxed);
    if (set < 0) set = dlgru_instruction_set_use(set_of_environment());
    return set;
}

int dlgru_instruction_set_use(int set) {
    set = best_below(set);
    atomic_store_explicit(&used, set, memory_order_relaxed);
    return set;
}
