// The gate arithmetic of one time step, or of many at once, for products that were formed elsewhere.
//
// Two users: the engine that forms each step's product with cuBLAS, and every engine that computes
// the gates of a whole sequence again from its states. So a launch works on `rows` observations of
// consecutive steps: row i is observation (first·B + i) mod B of step (first·B + i) div B.
//
// With the reset gate before the product a step has two products, and a kernel for each.
#pragma once
#include "activations.cuh"

enum Part {
  WHOLE = 0,   // reset after the product
  FIRST = 1,   // reset before it: up to the second product …
  SECOND = 2   // … and from there
};

template <typename real>
struct StepArguments {
  const real* gx;      // [3H,B,T]     W·x
  const real* Rh;      // [3H,rows]    R·h'; FIRST and SECOND: [2H,rows]
  const real* Rn;      // [H,rows]     SECOND: Rn·(r∘h')
  const real* b;       // [3H] or [6H] or null
  const real* inner;   // [3H,B] or [3H,B,T] or null, by its steps
  const real* before;  // [H,rows]     h'
  const int* lengths;  // [B] or null
  real* after;         // [H,rows]     h; may be `before`; or null
  real* y;             // [H,B,T] or null
  real* gates;         // [4H,B,T] or, with FIRST and SECOND, [3H,B,T]; or null
  real* opened;        // [H,rows]     FIRST: r∘h'
  long long inner_column, inner_step, first, rows;
  int B, H, biases, gate, act, padding;
};

template <typename real, Part PART>
DL_KERNEL(256) gru_step(const StepArguments<real> a) {
  const int H = a.H, B = a.B, recurrent = PART == WHOLE ? 3 : 2, planes = PART == WHOLE ? 4 : 3;
  const long long stride = static_cast<long long>(dl_blocks()) * 256;
  for (long long i = dl_block() * 256ll + dl_thread(); i < a.rows * H; i += stride) {
    const long long row = i / H, o = a.first * B + row, t = o / B;
    const int u = static_cast<int>(i % H), b = static_cast<int>(o % B);
    const bool running = !a.lengths || t < a.lengths[b];
    if (!running) {
      if (PART != FIRST && a.y) a.y[o * H + u] = 0;
      if (PART == FIRST) a.opened[i] = 0;
      if (PART != FIRST && a.after) a.after[i] = a.before[i];
      continue;
    }
    const real* x = a.gx + o * 3 * H + u;
    const real* Rh = a.Rh + row * recurrent * H + u;
    real xr = x[0] + Rh[0], xz = x[H] + Rh[H], xn = x[2 * H];
    real hidden = PART == WHOLE ? Rh[2 * H] : PART == SECOND ? a.Rn[i] : real(0);
    if (a.biases > 0) xr += a.b[u], xz += a.b[H + u], xn += a.b[2 * H + u];
    if (a.biases == 6) xr += a.b[3 * H + u], xz += a.b[4 * H + u], hidden += a.b[5 * H + u];
    if (a.inner) {
      const real* inner = a.inner + b * a.inner_column + t * a.inner_step + u;
      xr += inner[0], xz += inner[H], hidden += inner[2 * H];
    }
    const real h = a.before[i], r = gate_value(a.gate, xr), z = gate_value(a.gate, xz);
    if (PART == FIRST) {
      a.opened[i] = r * h;
      continue;
    }
    const real n = state_value(a.act, xn + (PART == WHOLE ? r * hidden : hidden));
    const real next = n + z * (h - n);
    if (a.after) a.after[i] = next;
    if (a.y) a.y[o * H + u] = next;
    if (a.gates) {
      real* g = a.gates + o * planes * H + u;
      g[0] = r, g[H] = z, g[2 * H] = n;
      if (PART == WHOLE) g[3 * H] = hidden;
    }
  }
}

template <typename real>
struct StepBackArguments {
  const real* dy;      // [H,B,T] by its steps, or null
  const real* y;       // [H,B,T]
  const real* h0;      // [H,B] columns `h0_column` apart
  const real* gates;   // as gru_step left them
  const real* open;    // [H,B]  SECOND: Rn'·dn
  const int* lengths;  // [B] or null
  real* D;             // [H,B]  in: dL/dh of the step; out: what of it does not pass the next product
  real* d;             // [4H,B,T] dhid, dr, dz, dn; FIRST and SECOND: [3H,B,T] dr, dz, dn
  real* opened;        // [H,B,T]  SECOND: r∘h'
  long long dy_column, dy_step, h0_column;
  int T, B, H, t, reversed, gate, act, padding;
};

template <typename real, Part PART>
DL_KERNEL(256) gru_step_back(const StepBackArguments<real> a) {
  const int H = a.H, B = a.B, t = a.t, planes = PART == WHOLE ? 4 : 3;
  const int before = a.reversed ? t + 1 : t - 1;
  for (long long i = dl_block() * 256ll + dl_thread(); i < static_cast<long long>(B) * H;
       i += dl_blocks() * 256ll) {
    const int b = static_cast<int>(i / H), u = static_cast<int>(i % H);
    const int length = a.lengths ? a.lengths[b] : a.T;
    const long long o = static_cast<long long>(t) * B + b;
    real* d = a.d + (o * planes + (PART == WHOLE ? 1 : 0)) * H + u;
    if (t >= length) {
      if (PART != SECOND) d[H] = 0, d[2 * H] = 0;
      if (PART != FIRST) d[0] = 0;
      if (PART == WHOLE) a.d[o * planes * H + u] = 0;
      if (PART == SECOND) a.opened[o * H + u] = 0;
      continue;
    }
    const real* g = a.gates + o * planes * H + u;
    const real r = g[0], z = g[H], n = g[2 * H];
    const real previous = before >= 0 && before < length
                              ? a.y[(static_cast<long long>(before) * B + b) * H + u]
                              : a.h0[b * a.h0_column + u];
    if (PART == SECOND) {
      d[0] = a.open[i] * previous * gate_slope(a.gate, r);
      a.opened[o * H + u] = r * previous;
      a.D[i] += a.open[i] * r;
      continue;
    }
    real D = a.D[i];
    if (a.dy) D += a.dy[b * a.dy_column + t * a.dy_step + u];
    const real dn = D * (real(1) - z) * state_slope(a.act, n);
    d[H] = D * (previous - n) * gate_slope(a.gate, z);
    d[2 * H] = dn;
    if (PART == WHOLE) {
      a.d[o * planes * H + u] = dn * r;
      d[0] = dn * g[3 * H] * gate_slope(a.gate, r);
    }
    a.D[i] = D * z;
  }
}
