/* The gates' and the state's activations, and their derivatives from their values.

   exp(x) is 2^n·e^r with n the nearest whole number to x/ln 2, so |r| <= ln(2)/2, and e^r a
   polynomial through Chebyshev points.  Largest errors seen, in units of the last place: sigmoid
   2.30 in single and 2.01 in double, tanh 2.48 and 2.54 (tests/kernels/test_native_values.py). */
#ifndef DLGRU_ACTIVATIONS_H
#define DLGRU_ACTIVATIONS_H

#include "vector.h"

enum { SIGMOID, HARD_SIGMOID };
enum { TANH, SOFTSIGN, RELU };

#if REAL_BITS == 32
/* Adding ROUNDER leaves the nearest whole number in the last bits; subtracting gives it back. */
#define ROUNDER 12582912.0f
#define FRACTION 23
#define BIAS 127
#define BITS_OF_E 1.4426950408889634f
/* ln 2 in two pieces; the first has so few bits that its product with n is exact. */
#define LN2_HIGH 0.693359375f
#define LN2_LOW (-2.12194440e-4f)
#define LN2 0.6931471805599453f
#define EXP_LIMIT 87.0f
#define TANH_LIMIT 10.0f
#else
#define ROUNDER 6755399441055744.0
#define FRACTION 52
#define BIAS 1023
#define BITS_OF_E 1.4426950408889634
#define LN2_HIGH 0.6931471803691238
#define LN2_LOW 1.9082149292705877e-10
#define LN2 0.6931471805599453
#define EXP_LIMIT 708.0
#define TANH_LIMIT 20.0
#endif

/* value·2^n, where `rounded` is n + ROUNDER. */
INLINE vec scaled(vec value, vec rounded) {
#if WIDE_X86 && REAL_BITS == 32
    return (vec)_mm512_scalef_ps((__m512)value, (__m512)(rounded - ROUNDER));
#elif WIDE_X86
    return (vec)_mm512_scalef_pd((__m512d)value, (__m512d)(rounded - ROUNDER));
#else
    const whole_vec power = ((whole_vec)rounded << FRACTION) + ((whole)BIAS << FRACTION);
    return value * (vec)power;
#endif
}

/* 1/(1 + exp(-x)).  Beyond the limit the result is that at the limit, 1e-38 (1e-308). */
INLINE vec sigmoid(vec x) {
    x = most(least(x, EXP_LIMIT), -EXP_LIMIT);
    const vec rounded = x * -BITS_OF_E + ROUNDER, n = rounded - ROUNDER;
    vec r = -x - n * LN2_HIGH;
    r = r - n * LN2_LOW;
#if REAL_BITS == 32
    vec p = spread(0.0013941118895837f); /* degree 6, within 2e-9 */
    p = p * r + 0.008375134774624326f;
    p = p * r + 0.04166635277111221f;
    p = p * r + 0.16666415414041177f;
    p = p * r + 0.5000000047146057f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
#else
    vec p = spread(2.511004920481866e-08); /* degree 11, within 3e-18 */
    p = p * r + 2.763265472252779e-07;
    p = p * r + 2.755724088722987e-06;
    p = p * r + 2.4801485441561313e-05;
    p = p * r + 0.00019841269890076403;
    p = p * r + 0.0013888888952352863;
    p = p * r + 0.008333333333319589;
    p = p * r + 0.04166666666648795;
    p = p * r + 0.1666666666666668;
    p = p * r + 0.5000000000000019;
    p = p * r + 1.0;
    p = p * r + 1.0;
#endif
    return 1 / (1 + scaled(p, rounded));
}

/* u/(u + 2) with u = exp(2x) - 1, which keeps its digits near 0: u is 2^n·(e^r - 1) + (2^n - 1).
   Where a product and a sum are one rounding, one piece of ln 2 is enough here: its error grows
   with n, but its weight falls as 4^-n. */
INLINE vec hyperbolic_tangent(vec x) {
    x = most(least(x, TANH_LIMIT), -TANH_LIMIT);
    x = x + x;
    const vec rounded = x * BITS_OF_E + ROUNDER, n = rounded - ROUNDER;
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    const vec r = x - n * LN2;
#else
    const vec most_of_r = x - n * LN2_HIGH, r = most_of_r - n * LN2_LOW;
#endif
#if REAL_BITS == 32
    vec p = spread(0.0013926183587713494f); /* e^r = 1 + r + r·r·p, p of degree 4, within 7e-8 */
    p = p * r + 0.008363179052722578f;
    p = p * r + 0.041666554617204574f;
    p = p * r + 0.16666576989698775f;
    p = p * r + 0.5f;
#else
    vec p = spread(2.0914686968086876e-09); /* of degree 10, within 2e-18 */
    p = p * r + 2.5105217004720745e-08;
    p = p * r + 2.75572736431103e-07;
    p = p * r + 2.7557255400206422e-06;
    p = p * r + 2.4801587325547743e-05;
    p = p * r + 0.00019841269874820627;
    p = p * r + 0.0013888888888883748;
    p = p * r + 0.008333333333326136;
    p = p * r + 0.04166666666666667;
    p = p * r + 0.1666666666666667;
    p = p * r + 0.5;
#endif
    p = p * r;
    p = p * r + r;
    const vec power = scaled(spread(1), rounded);
    const vec u = p * power + (power - 1);
    return u / (u + 2);
}

INLINE vec size_of(vec x) {
    return (vec)((whole_vec)x & ~((whole)((uint64_t)1 << (REAL_BITS - 1))));
}

INLINE vec gate_value(const int gate, vec x) {
    if (gate == SIGMOID) return sigmoid(x);
    return most(least(x * (real)0.2 + (real)0.5, 1), 0);
}

INLINE vec act_value(const int act, vec x) {
    if (act == TANH) return hyperbolic_tangent(x);
    if (act == SOFTSIGN) return x / (1 + size_of(x));
    return most(x, 0);
}

/* Where hard-sigmoid has reached 0 or 1 its slope is 0, and so is that of relu at 0. */
INLINE vec gate_slope(const int gate, vec value) {
    const vec inside = value * (1 - value);
    if (gate == SIGMOID) return inside;
    return where((whole_vec)(inside == 0), inside, spread((real)0.2) + 0 * inside);
}

INLINE vec act_slope(const int act, vec value) {
    if (act == TANH) return 1 - value * value;
    if (act == SOFTSIGN) {
        const vec one_over = 1 - size_of(value); /* = 1/(1 + |a|), the root of the slope */
        return one_over * one_over;
    }
    return where((whole_vec)(value > 0), spread(1), 0 * value);
}

#endif
