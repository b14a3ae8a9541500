// A GRU back over a whole sequence in one launch: the gradients of the gates and of the first state.
//
// With D = dL/dh of a step, h' its previous state, and dr, dz, dn gradients before the activations:
//
//   dn = D∘(1 - z)∘s'(n)        dz = D∘(h' - n)∘g'(z)
//   BEFORE = false:  dhid = dn∘r   dr = dn∘hidden∘g'(r)   D' = D∘z + Rr'·dr + Rz'·dz + Rn'·dhid
//   BEFORE = true:   open = Rn'·dn    dr = open∘h'∘g'(r)    D' = D∘z + open∘r + Rr'·dr + Rz'·dz
//
// Blocks share out the columns of R as the forward kernel shares out its rows. The gradients of
// weights, biases and inputs are products over all steps and are left to the host side.
//
// A step past the end of an observation gets zeros for its gate gradients and passes D on.
#pragma once
#include "activations.cuh"
#include "exchange.cuh"

template <typename real>
struct BackwardArguments {
  const real* dy;       // [H,B,T] by its steps, or null
  const real* dlast;    // [H,B] columns `dlast_column` apart, or null
  const real* y;        // [H,B,T]
  const real* h0;       // [H,B] columns `h0_column` apart
  const real* gates;    // as the forward kernel left them
  const real* R;        // [3·UNITS,UNITS] columns `R_column` apart
  const int* lengths;   // [B] or null
  real* d;              // [4H,B,T] dhid, dr, dz, dn; BEFORE: [3H,B,T] dr, dz, dn
  real* opened;         // BEFORE: [H,B,T] r∘h'
  real* dh0;            // [H,B]
  real* mailboxes;
  unsigned* counters;
  long long dy_column, dy_step, dlast_column, h0_column, R_column;
  int T, B, H, first;
  int reversed, gate, act, padding;
};

// What one step of one unit is given: what the forward run left, and what comes from outside. The kernel
// writes none of it, so the next step's is fetched while blocks wait for each other. Zeros past the end.
template <typename real, bool BEFORE>
struct Given {
  real r, z, n, hidden, previous, dy;
  DL_DEVICE void fetch(const BackwardArguments<real>& a, int b, int u, int t, int length) {
    r = z = n = hidden = previous = dy = 0;
    if (t >= length) return;
    const int H = a.H, before = a.reversed ? t + 1 : t - 1;
    const real* g = a.gates + (static_cast<long long>(t) * a.B + b) * (BEFORE ? 3 : 4) * H + u;
    r = g[0], z = g[H], n = g[2 * H];
    if constexpr (!BEFORE) hidden = g[3 * H];
    previous = *(before >= 0 && before < length
                     ? a.y + (static_cast<long long>(before) * a.B + b) * H + u
                     : a.h0 + b * a.h0_column + u);
    if (a.dy) dy = a.dy[b * a.dy_column + t * a.dy_step + u];
  }
};

template <Way WAY, typename real, int UNITS, int BLOCKS, int ROWS, int THREADS, bool BEFORE>
DL_KERNEL(THREADS) gru_backward(const BackwardArguments<real> a) {
  using T_ = Tile<real, UNITS, BLOCKS, ROWS, THREADS>;
  using Meeting = Exchange<T_, WAY>;
  constexpr int VECTOR = T_::VECTOR, GATES = BEFORE ? 3 : 4;
  // BEFORE has two rounds a step: (dz, dn), then dr. Otherwise one round of three, two sets in turn.
  constexpr int LATER = 2 * VECTOR, SIZE = (BEFORE ? 3 : 6) * VECTOR;
  DL_SHARED(real, shared);
  const int group = dl_block() / BLOCKS, T = a.T, H = a.H;
  Meeting meeting(a.mailboxes, a.counters, group, SIZE);
  const Place<T_> here(Meeting::block(), group, a);
  const int length = steps_of(here, a);

  real w[T_::PER_TEAM][3][T_::QUADS * 4];
  load_weights<T_, false>(w, a.R, a.R_column, here);
  real D = here.inside && a.dlast ? a.dlast[here.b * a.dlast_column + here.unit] : real(0);

  Given<real, BEFORE> given;
  given.fetch(a, here.b, here.unit, a.reversed ? 0 : T - 1, length);

  for (int step = 0; step < T; step++) {
    int t = a.reversed ? step : T - 1 - step;
    dl_fresh(t);
    const bool running = t < length;
    const real r = given.r, z = given.z, n = given.n, previous = given.previous;
    if (running && a.dy) D += given.dy;
    const real dn = running ? D * (real(1) - z) * state_slope(a.act, n) : real(0);
    const real dz = running ? D * (previous - n) * gate_slope(a.gate, z) : real(0);
    real dr, through;
    if constexpr (BEFORE) {
      const Place<T_> me(Meeting::block(), group, a);  // again in every step, as in gru_forward
      meeting.put(shared, me.at(), dz, me.share);
      meeting.put(shared, VECTOR + me.at(), dn, me.share);
      meeting.arrive();
      meeting.wait(shared, 0, 2 * VECTOR);
      real back[2] = {};
      multiply<T_, 1, 2, OWN_VECTORS>(back, w, shared, Lane<T_>(0));
      const real open = back[1];
      dr = running ? open * previous * gate_slope(a.gate, r) : real(0);
      through = back[0] + open * r;
    }
    dl_fresh(t);
    const Place<T_> me(Meeting::block(), group, a);
    const int u = me.unit, at = me.at();
    const long long o = static_cast<long long>(t) * a.B + me.b;
    if constexpr (BEFORE) {
      meeting.put(shared, LATER + at, dr, me.share);
      meeting.arrive();
    } else {
      const int turn = (step & 1) * 3 * VECTOR;
      const real dhid = dn * r;
      dr = running ? dn * given.hidden * gate_slope(a.gate, r) : real(0);
      meeting.put(shared, turn + at, dr, me.share);
      meeting.put(shared, turn + VECTOR + at, dz, me.share);
      meeting.put(shared, turn + 2 * VECTOR + at, dhid, me.share);
      meeting.arrive();
      through = 0;
      if (me.mine) a.d[o * GATES * H + u] = dhid;
    }
    if (me.mine) {
      real* d = a.d + (o * GATES + (BEFORE ? 0 : 1)) * H + u;
      d[0] = dr, d[H] = dz, d[2 * H] = dn;
      if constexpr (BEFORE) a.opened[o * H + u] = r * previous;
    }
    if (running) D = D * z + through;
    if (step + 1 < T) given.fetch(a, me.b, u, a.reversed ? t + 1 : t - 1, length);
    real back[1] = {};
    if constexpr (BEFORE) {
      meeting.wait(shared, LATER, VECTOR);
      multiply<T_, 0, 1, OWN_VECTORS>(back, w, shared + LATER, Lane<T_>(0));
    } else {
      const int turn = (step & 1) * 3 * VECTOR;
      meeting.wait(shared, turn, 3 * VECTOR);
      multiply<T_, 0, 3, ALL_IN_ONE>(back, w, shared + turn, Lane<T_>(0));
    }
    if (running) D += back[0];
  }
  const Place<T_> me(Meeting::block(), group, a);
  if (me.mine) a.dh0[static_cast<long long>(me.b) * H + me.unit] = D;
  // A block's shared memory must outlive what others store into it: they all have arrived for the
  // last round, so nothing is under way.
}
