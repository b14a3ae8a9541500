// The activations of a GRU and their slopes, read from results as the plain engine reads them.
//
// Which one is a number in the kernel's arguments. All threads agree on it, so the branch costs
// next to nothing, and one compiled kernel serves every activation.
#pragma once
#include "port.cuh"

enum GateActivation { SIGMOID = 0, HARD_SIGMOID = 1 };
enum StateActivation { TANH = 0, SOFTSIGN = 1, RELU = 2 };

template <typename real>
DL_DEVICE real gate_value(int kind, real a) {
  if (kind == SIGMOID) return real(1) / (real(1) + dl_exp(-a));
  const real v = real(0.2) * a + real(0.5);
  return v < real(0) ? real(0) : (v > real(1) ? real(1) : v);
}

template <typename real>
DL_DEVICE real gate_slope(int kind, real g) {
  if (kind == SIGMOID) return g * (real(1) - g);
  return g > real(0) && g < real(1) ? real(0.2) : real(0);
}

template <typename real>
DL_DEVICE real state_value(int kind, real a) {
  if (kind == TANH) return dl_tanh(a);
  if (kind == SOFTSIGN) return a / (real(1) + (a < real(0) ? -a : a));
  return a < real(0) ? real(0) : a;  // a NaN stays one
}

template <typename real>
DL_DEVICE real state_slope(int kind, real n) {
  if (kind == TANH) return real(1) - n * n;
  if (kind == SOFTSIGN) {
    const real q = real(1) - (n < real(0) ? -n : n);
    return q * q;
  }
  return n > real(0) ? real(1) : real(0);
}
