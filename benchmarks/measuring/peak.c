// The most multiply-add operations a core can do: independent chains in vector registers.
//
// A core that starts two a cycle and finishes each after four needs eight chains; twelve leave
// room, and fit with the two constants into the sixteen registers of AVX2.  The chains are
// separate variables: as an array they would go through memory in every round.
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif

#if defined(__x86_64__)
#define REGISTER(v) "+x"(v)
#else
#define REGISTER(v) "+w"(v)
#endif

#define CHAINS 12
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

#define START(k) vector a##k = scale * (k + 1);
#define STEP(k) a##k = a##k * scale + shift;
// The compiler may neither drop a round nor join two of them.
#define KEEP(k) __asm__ volatile("" : REGISTER(a##k));
#define ADD(k) sum += a##k;

// Do that many rounds; return how many floating-point operations they were.
#define MEASURE(NAME, TYPE)                                         \
    double NAME(long rounds, TYPE *out) {                           \
        typedef TYPE vector __attribute__((vector_size(BYTES)));    \
        const int lanes = BYTES / sizeof(TYPE);                     \
        const vector zero = {0}, scale = zero + (TYPE)0.999;        \
        const vector shift = zero + (TYPE)0.001;                    \
        EACH(START)                                                 \
        for (long k = 0; k < rounds; k++) {                         \
            EACH(STEP)                                              \
            EACH(KEEP)                                              \
        }                                                           \
        vector sum = zero;                                          \
        EACH(ADD)                                                   \
        *out = sum[0];                                              \
        return 2.0 * CHAINS * lanes * (double)rounds;               \
    }

MEASURE(peak_single, float)
MEASURE(peak_double, double)
