/* Vectors of LANES numbers of one class, by the vector extension that GCC and clang share.

   REAL_BITS, LANES and SUFFIX come from the command line; the same source is compiled once for
   each class and instruction set.  Intrinsics are used only where the extension has no word:
   parts of vectors, extremes, and scaling by powers of two. */
#ifndef DLGRU_VECTOR_H
#define DLGRU_VECTOR_H

#if !defined(__GNUC__) && !defined(__clang__)
#error "the kernels are written with the vector extension of GCC and clang"
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* By the width of the vectors, not by what the compiler may use: whoever builds with -march=native
   allows AVX-512 in every object. */
#if defined(__AVX512F__) && LANES * REAL_BITS == 512
#define WIDE_X86 1
#else
#define WIDE_X86 0
#endif
#if defined(__AVX2__) && LANES * REAL_BITS == 256
#define HALF_WIDE_X86 1
#else
#define HALF_WIDE_X86 0
#endif

#define JOINED_(name, suffix) dlgru_##name##_##suffix
#define JOINED(name, suffix) JOINED_(name, suffix)
#define NAME(name) JOINED(name, SUFFIX)

#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))

/* clang 16 does not obey the pragma of GCC: the kernels were three times slower with it. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#if REAL_BITS == 32
typedef float real;
typedef int32_t whole;
#else
typedef double real;
typedef int64_t whole;
#endif

typedef real vec __attribute__((vector_size(LANES * sizeof(real))));
typedef whole whole_vec __attribute__((vector_size(LANES * sizeof(real))));
typedef real loose_vec __attribute__((vector_size(LANES * sizeof(real)), aligned(sizeof(real)), may_alias));

/* Rows of a product that one tile holds in registers, beside three vectors of columns: 24 sums
   where there are 32 registers, else 12 of 16. */
#if WIDE_X86 || defined(__aarch64__)
#define ROWS 8
#else
#define ROWS 4
#endif

INLINE vec load(const real *at) { return (vec)(*(const loose_vec *)at); }
INLINE void store(real *at, vec value) { *(loose_vec *)at = (loose_vec)value; }
INLINE vec spread(real value) { return value - (vec){0}; }

/* The first n of LANES numbers; the rest are zeros, and what lies there is not touched. */
#if WIDE_X86 && REAL_BITS == 32
INLINE vec load_part(const real *at, ptrdiff_t n) {
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), at);
}
INLINE void store_part(real *at, vec value, ptrdiff_t n) {
    _mm512_mask_storeu_ps(at, (__mmask16)((1u << n) - 1), (__m512)value);
}
#elif WIDE_X86
INLINE vec load_part(const real *at, ptrdiff_t n) {
    return (vec)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), at);
}
INLINE void store_part(real *at, vec value, ptrdiff_t n) {
    _mm512_mask_storeu_pd(at, (__mmask8)((1u << n) - 1), (__m512d)value);
}
#else
INLINE vec load_part(const real *at, ptrdiff_t n) {
    real whole_of_it[LANES] = {0};
    for (ptrdiff_t i = 0; i < n; i++) whole_of_it[i] = at[i];
    return load(whole_of_it);
}
INLINE void store_part(real *at, vec value, ptrdiff_t n) {
    real whole_of_it[LANES];
    store(whole_of_it, value);
    for (ptrdiff_t i = 0; i < n; i++) at[i] = whole_of_it[i];
}
#endif

INLINE vec load_up_to(const real *at, ptrdiff_t n) { return n >= LANES ? load(at) : load_part(at, n); }
INLINE void store_up_to(real *at, vec value, ptrdiff_t n) {
    if (n >= LANES)
        store(at, value);
    else
        store_part(at, value, n);
}

INLINE vec where(whole_vec mask, vec yes, vec no) {
    return (vec)((mask & (whole_vec)yes) | (~mask & (whole_vec)no));
}

/* The smaller and the larger of two; a NaN in `a` stays. */
#if WIDE_X86 && REAL_BITS == 32
INLINE vec least(vec a, real b) { return (vec)_mm512_min_ps(_mm512_set1_ps(b), (__m512)a); }
INLINE vec most(vec a, real b) { return (vec)_mm512_max_ps(_mm512_set1_ps(b), (__m512)a); }
#elif WIDE_X86
INLINE vec least(vec a, real b) { return (vec)_mm512_min_pd(_mm512_set1_pd(b), (__m512d)a); }
INLINE vec most(vec a, real b) { return (vec)_mm512_max_pd(_mm512_set1_pd(b), (__m512d)a); }
#elif HALF_WIDE_X86 && REAL_BITS == 32
INLINE vec least(vec a, real b) { return (vec)_mm256_min_ps(_mm256_set1_ps(b), (__m256)a); }
INLINE vec most(vec a, real b) { return (vec)_mm256_max_ps(_mm256_set1_ps(b), (__m256)a); }
#elif HALF_WIDE_X86
INLINE vec least(vec a, real b) { return (vec)_mm256_min_pd(_mm256_set1_pd(b), (__m256d)a); }
INLINE vec most(vec a, real b) { return (vec)_mm256_max_pd(_mm256_set1_pd(b), (__m256d)a); }
#else
INLINE vec least(vec a, real b) { return where((whole_vec)(spread(b) < a), spread(b), a); }
INLINE vec most(vec a, real b) { return where((whole_vec)(spread(b) > a), spread(b), a); }
#endif

INLINE ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
INLINE ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* The first of `count` things that part p of `parts` has; p = parts gives the end. */
INLINE ptrdiff_t share(ptrdiff_t count, ptrdiff_t p, ptrdiff_t parts) { return count * p / parts; }

#endif
