// A GRU forward over a whole sequence in one launch: weights in registers, the state in shared memory.
//
//   r = g(xr + Rr·h')   z = g(xz + Rz·h')        x: the product W·x, biases and `inner` added here
//   n = s(xn + r∘(Rn·h' + bn))                   BEFORE = false
//   n = s(xn + Rn·(r∘h'))                        BEFORE = true
//   h = n + z∘(h' - n)
//
// A group of blocks walks ROWS observations through all steps. Groups never meet, because the
// observations of a batch are independent, so any number of them may be launched.
//
// A step past the end of an observation changes nothing and gives zeros; what it was given, NaN
// included, is computed with and thrown away by selection.
#pragma once
#include "activations.cuh"
#include "exchange.cuh"

template <typename real>
struct ForwardArguments {
  const real* gx;       // [3H,B,T]  W·x
  const real* R;        // [3·UNITS,UNITS]  columns `R_column` apart
  const real* b;        // [3H] or [6H] or null
  const real* h0;       // [H,B]     columns `h0_column` apart
  const real* inner;    // [3H,B] or [3H,B,T] or null, by its steps
  const int* lengths;   // [B] or null
  real* y;              // [H,B,T]
  real* last;           // [H,B]
  real* gates;          // [4H,B,T] r, z, n, Rn·h' + bn; BEFORE: [3H,B,T]; or null
  real* mailboxes;      // GROUP: room for the exchanged memory, one a group
  unsigned* counters;   // GROUP: zeros, COUNTER_STEP of them a group
  long long R_column, h0_column, inner_column, inner_step;
  int T, B, H, first;   // the first observation of this launch
  int reversed, biases, gate, act;
};

// What reaches a unit's gates from outside the recurrence. A fetch starts loads and uses none of them,
// so that they are under way while blocks wait for each other; the sums are made where they are needed.
//
// Where registers are SHORT, biases are not kept but fetched for every step, and the sums are made right
// after the wait.
template <typename real, bool BEFORE, bool SHORT>
struct Outside {
  real bias[6] = {}, x[3] = {}, inner[3] = {};
  DL_DEVICE Outside(const ForwardArguments<real>& a, int u, bool inside) {
    if (inside && !SHORT) fetch_biases(a, u);
  }
  DL_DEVICE void fetch_biases(const ForwardArguments<real>& a, int u) {
#pragma unroll
    for (int i = 0; i < 6; i++)
      if (i < a.biases) bias[i] = a.b[i * a.H + u];
  }
  DL_DEVICE void fetch(const ForwardArguments<real>& a, int b, int u, int t) {
    const int H = a.H;
    if constexpr (SHORT) fetch_biases(a, u);
    const real* from = a.gx + (static_cast<long long>(t) * a.B + b) * 3 * H + u;
    x[0] = from[0], x[1] = from[H], x[2] = from[2 * H];
    if (a.inner) {
      from = a.inner + b * a.inner_column + t * a.inner_step + u;
      inner[0] = from[0], inner[1] = from[H], inner[2] = from[2 * H];
    }
  }
  DL_DEVICE real r() const { return x[0] + bias[0] + bias[3] + inner[0]; }
  DL_DEVICE real z() const { return x[1] + bias[1] + bias[4] + inner[1]; }
  DL_DEVICE real n() const { return BEFORE ? x[2] + bias[2] + inner[2] : x[2] + bias[2]; }
  DL_DEVICE real hidden() const { return bias[5] + inner[2]; }
  DL_DEVICE void waited() {
    if constexpr (SHORT) {
      const real sums[4] = {r(), z(), n(), BEFORE ? real(0) : hidden()};
      *this = Outside();
      x[0] = sums[0], x[1] = sums[1], x[2] = sums[2], inner[2] = sums[3];
    }
  }

 private:
  DL_DEVICE Outside() {}
};

// The results of one step of one unit; nothing is known of a step past the end but its output, a zero.
template <typename real, bool BEFORE>
DL_DEVICE void store_step(const ForwardArguments<real>& a, int t, int b, int u, bool running,
                          real h, real r, real z, real n, real hidden) {
  const int H = a.H;
  const long long o = static_cast<long long>(t) * a.B + b;
  a.y[o * H + u] = running ? h : real(0);
  if (a.gates && running) {
    real* g = a.gates + o * (BEFORE ? 3 : 4) * H + u;
    g[0] = r, g[H] = z, g[2 * H] = n;
    if constexpr (!BEFORE) g[3 * H] = hidden;
  }
}

template <Way WAY, typename real, int UNITS, int BLOCKS, int ROWS, int THREADS, bool BEFORE>
DL_KERNEL(THREADS) gru_forward(const ForwardArguments<real> a) {
  using T_ = Tile<real, UNITS, BLOCKS, ROWS, THREADS>;
  using Meeting = Exchange<T_, WAY>;
  constexpr int VECTOR = T_::VECTOR;
  constexpr int OPENED = 2 * VECTOR;  // r∘h' of BEFORE stands behind the two states
  DL_SHARED(real, shared);
  const int group = dl_block() / BLOCKS, T = a.T;
  Meeting meeting(a.mailboxes, a.counters, group, (BEFORE ? 3 : 2) * VECTOR);
  const Place<T_> here(Meeting::block(), group, a);
  const int length = steps_of(here, a);

  real w[T_::PER_TEAM][3][T_::QUADS * 4];
  load_weights<T_, true>(w, a.R, a.R_column, here);

  real h = here.inside ? a.h0[here.b * a.h0_column + here.unit] : real(0);
  meeting.put(shared, here.at(), h, here.share);
  meeting.arrive();
  Outside<real, BEFORE, T_::SHORT> outside(a, here.unit, here.inside);
  if (here.inside) outside.fetch(a, here.b, here.unit, a.reversed ? T - 1 : 0);
  meeting.wait(shared, 0, VECTOR);

  for (int step = 0; step < T; step++) {
    outside.waited();
    real Rh[BEFORE ? 2 : 3] = {};
    multiply<T_, 0, BEFORE ? 2 : 3, SAME_VECTOR>(Rh, w, shared + (step & 1) * VECTOR, Lane<T_>(0));
    const real r = gate_value(a.gate, outside.r() + Rh[0]);
    const real z = gate_value(a.gate, outside.z() + Rh[1]);
    real hidden = 0, n;
    if constexpr (BEFORE) {
      const Place<T_> me(Meeting::block(), group, a);
      meeting.put(shared, OPENED + me.at(), r * h, me.share);
      meeting.arrive();
      meeting.wait(shared, OPENED, VECTOR);
      real Rn[1] = {};
      multiply<T_, 2, 1, SAME_VECTOR>(Rn, w, shared + OPENED, Lane<T_>(0));
      n = state_value(a.act, outside.n() + Rn[0]);
    } else {
      hidden = Rh[2] + outside.hidden();
      n = state_value(a.act, outside.n() + r * hidden);
    }
    // Worked out again in every step: registers are what this kernel is short of.
    const Place<T_> me(Meeting::block(), group, a);
    int t = a.reversed ? T - 1 - step : step;
    dl_fresh(t);
    const int next = ((step + 1) & 1) * VECTOR;
    const bool running = t < length;
    if (running) h = n + z * (h - n);
    meeting.put(shared, next + me.at(), h, me.share);
    meeting.arrive();
    if (me.inside) {  // results, and the next step's inputs, while the others finish
      if (me.stores) store_step<real, BEFORE>(a, t, me.b, me.unit, running, h, r, z, n, hidden);
      if (step + 1 < T) outside.fetch(a, me.b, me.unit, a.reversed ? t - 1 : t + 1);
    }
    meeting.wait(shared, next, VECTOR);
  }
  const Place<T_> me(Meeting::block(), group, a);
  if (me.mine) a.last[static_cast<long long>(me.b) * a.H + me.unit] = h;
}
