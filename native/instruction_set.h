/* Which of the compiled kernels this processor can run. */
#ifndef DLGRU_INSTRUCTION_SET_H
#define DLGRU_INSTRUCTION_SET_H

enum {
    DLGRU_BASELINE = 0, /* SSE2 on x86-64, NEON on arm64 */
    DLGRU_AVX2 = 1,     /* with FMA */
    DLGRU_AVX512 = 2    /* F, DQ, BW and VL */
};

/* The best that the processor and the operating system have and that was compiled in;
   at most what the environment variable DLGRU_INSTRUCTION_SET (baseline, avx2 or avx512)
   or dlgru_instruction_set_use allows. */
int dlgru_instruction_set(void);

/* Allow no more than this from now on.  Returns what is now used. */
int dlgru_instruction_set_use(int set);

#endif
