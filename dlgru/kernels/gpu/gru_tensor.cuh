// The forward kernel with its recurrent product on the tensor cores, in TF32.
//
// A group of UNITS / 32 blocks walks eight observations; a block owns 32 units. Its R is cut into
// fragments of PTX's m16n8k8: six tiles (three gates × two halves of the units) of sixteen rows, and
// the columns dealt out to eight warps. Each warp multiplies its columns with the state of all eight
// observations; the eight partial sums meet in shared memory, and each of the 256 threads finishes
// one (unit, row).
//
// Weights and published states are rounded to TF32, sums and each thread's own state are not.
// Only with the reset gate after the product; see gru_forward.cuh for all else.
#pragma once
#include "gru_forward.cuh"

template <int UNITS_>
struct TensorTile {
  using real = float;
  static constexpr int UNITS = UNITS_, BLOCKS = UNITS / 32, ROWS = 8, THREADS = 256, WARPS = 8;
  static constexpr int SHARES = 1;
  static constexpr int VECTOR = UNITS * ROWS;
  static constexpr int TILES = 6, DEEP = UNITS / 8 / WARPS;  // fragments of a warp, along columns
  static constexpr int PARTIAL = TILES * 4 * 32;             // numbers of a warp's sums
  static_assert(UNITS % 64 == 0, "columns");
};

// The (unit, row) a thread finishes, and where it stands in a fragment.
template <class Tile>
struct TensorPlace {
  int half, part, lane, row, unit, b;
  bool inside;
  template <class Arguments>
  DL_DEVICE TensorPlace(int block, int group, const Arguments& a) {
    int thread = dl_thread();
    dl_fresh(thread);
    half = thread / 128, part = thread / 32 % 4, lane = thread % 32;
    row = lane % 4 * 2 + part % 2;
    unit = block * 32 + half * 16 + part / 2 * 8 + lane / 4;
    b = a.first + group * Tile::ROWS + row;
    inside = b < a.B && unit < a.H;
  }
  DL_DEVICE int at() const { return unit * Tile::ROWS + row; }
};

template <Way WAY, int UNITS>
DL_KERNEL(256) gru_tensor_forward(const ForwardArguments<float> a) {
  using T_ = TensorTile<UNITS>;
  using Meeting = Exchange<T_, WAY>;
  constexpr int VECTOR = T_::VECTOR, DEEP = T_::DEEP, TILES = T_::TILES, PARTIAL = T_::PARTIAL;
  DL_SHARED(float, shared);
  float* partial = shared + 2 * VECTOR;
  const int group = dl_block() / T_::BLOCKS, T = a.T;
  Meeting meeting(a.mailboxes, a.counters, group, 2 * VECTOR);
  const int block = Meeting::block(), warp = dl_thread() / 32, lane = dl_thread() % 32;
  const int first_column = warp * DEEP * 8 + lane % 4;

  unsigned w[TILES][DEEP][4];
#pragma unroll
  for (int m = 0; m < TILES; m++)
#pragma unroll
    for (int k = 0; k < DEEP; k++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int unit = block * 32 + m % 2 * 16 + i % 2 * 8 + lane / 4;
        const int column = first_column + k * 8 + i / 2 * 4;
        w[m][k][i] = dl_tf32(a.R[column * a.R_column + m / 2 * UNITS + unit]);
      }

  const TensorPlace<T_> here(block, group, a);
  const int length = steps_of(here, a);
  float h = here.inside ? a.h0[here.b * a.h0_column + here.unit] : 0.f;
  meeting.put(shared, here.at(), dl_float(dl_tf32(h)), 0);
  meeting.arrive();
  Outside<float, false, false> outside(a, here.unit, here.inside);
  if (here.inside) outside.fetch(a, here.b, here.unit, a.reversed ? T - 1 : 0);
  meeting.wait(shared, 0, VECTOR);

  for (int step = 0; step < T; step++) {
    const float* now = shared + (step & 1) * VECTOR;
    float sums[TILES][4] = {};
#pragma unroll
    for (int k = 0; k < DEEP; k++) {
      const float* column = now + (first_column + k * 8) * T_::ROWS + lane / 4;
      const unsigned b0 = dl_bits(column[0]), b1 = dl_bits(column[4 * T_::ROWS]);
#pragma unroll
      for (int m = 0; m < TILES; m++) dl_multiply_tf32(sums[m], w[m][k], b0, b1);
    }
#pragma unroll
    for (int m = 0; m < TILES; m++)
#pragma unroll
      for (int i = 0; i < 4; i++) partial[warp * PARTIAL + (m * 4 + i) * 32 + lane] = sums[m][i];
    dl_sync();

    const TensorPlace<T_> me(Meeting::block(), group, a);
    int t = a.reversed ? T - 1 - step : step;
    dl_fresh(t);
    const int next = ((step + 1) & 1) * VECTOR;
    float Rh[3] = {};
#pragma unroll
    for (int gate = 0; gate < 3; gate++)
#pragma unroll
      for (int from = 0; from < T_::WARPS; from++)
        Rh[gate] += partial[from * PARTIAL + ((gate * 2 + me.half) * 4 + me.part) * 32 + me.lane];
    const float r = gate_value(a.gate, outside.r() + Rh[0]);
    const float z = gate_value(a.gate, outside.z() + Rh[1]);
    const float hidden = Rh[2] + outside.hidden();
    const float n = state_value(a.act, outside.n() + r * hidden);
    const bool running = t < length;
    if (running) h = n + z * (h - n);
    meeting.put(shared, next + me.at(), dl_float(dl_tf32(h)), 0);
    meeting.arrive();
    if (me.inside) {
      store_step<float, false>(a, t, me.b, me.unit, running, h, r, z, n, hidden);
      if (step + 1 < T) outside.fetch(a, me.b, me.unit, a.reversed ? t - 1 : t + 1);
    }
    meeting.wait(shared, next, VECTOR);
  }
  const TensorPlace<T_> me(Meeting::block(), group, a);
  if (me.inside) a.last[static_cast<long long>(me.b) * a.H + me.unit] = h;
}
