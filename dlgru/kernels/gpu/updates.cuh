// Adam's update of one parameter, in one pass over memory.
//
// Without it an update is a dozen launches, and a small network's training step waits for launches.
// The order of the operations is that of the other ways to compute it (training/steps.py).
#pragma once
#include "port.cuh"

template <typename real>
struct AdamArguments {
  const real* p;  // [count]  the parameter,
  const real* g;  //          its gradient,
  const real* m;  //          the average of gradients and
  const real* v;  //          that of their squares, either null: zeros
  real* new_p;
  real* new_m;
  real* new_v;
  long long count;
  double beta1, rest1, beta2, rest2;  // decays, and 1 less them
  double step;                        // the rate with the corrections of both averages
  double epsilon;
};

template <typename real>
DL_KERNEL(256) adam_update(const AdamArguments<real> a) {
  const real beta1 = static_cast<real>(a.beta1), rest1 = static_cast<real>(a.rest1);
  const real beta2 = static_cast<real>(a.beta2), rest2 = static_cast<real>(a.rest2);
  const real step = static_cast<real>(a.step), epsilon = static_cast<real>(a.epsilon);
  const long long stride = static_cast<long long>(dl_blocks()) * 256;
  for (long long i = dl_block() * 256ll + dl_thread(); i < a.count; i += stride) {
    const real g = a.g[i];
    const real average = (a.m ? beta1 * a.m[i] : real(0)) + rest1 * g;
    const real square = (a.v ? beta2 * a.v[i] : real(0)) + rest2 * (g * g);
    a.new_m[i] = average;
    a.new_v[i] = square;
    a.new_p[i] = a.p[i] - step * (average / (dl_sqrt(square) + epsilon));
  }
}
