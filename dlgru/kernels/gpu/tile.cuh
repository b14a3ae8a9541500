// How a recurrent product is shared out among threads, and the product itself.
//
// R stays in registers for the whole sequence. BLOCKS thread blocks hold all of it, each for
// UNITS / BLOCKS hidden units with the three gate rows of each. A *team* of LANES neighbouring
// threads shares PER_TEAM units; each lane holds every LANES-th group of four columns:
//
//     column   0..3  4..7  8..11 …          (LANES = 2)
//     lane       0     1     0   …
//
// A vector to multiply with lies in shared memory, one for each of ROWS observations. After the
// product every lane holds partial sums of PER_TEAM units × 3 gates × rows; the lanes add them up by
// shuffles so that each ends with the full sums of ONE (unit, row), and does that gate arithmetic. Where
// a team has more lanes than numbers, SHARES lanes end with the same sum, to the last bit: they all go on
// with it and share out the storing.
//
// UNITS is a power of two; for a GRU with fewer units the host side pads R with zeros.
#pragma once
#include "port.cuh"

template <typename Real, int UNITS_, int BLOCKS_, int ROWS_, int THREADS_>
struct Tile {
  using real = Real;
  static constexpr int UNITS = UNITS_, BLOCKS = BLOCKS_, ROWS = ROWS_, THREADS = THREADS_;
  static constexpr int PER_TEAM = 2;
  static constexpr int PER_BLOCK = UNITS / BLOCKS;
  static constexpr int LANES = THREADS * PER_TEAM / PER_BLOCK;
  static constexpr int QUADS = UNITS / 4 / LANES;      // groups of four columns a lane
  static constexpr int VECTOR = UNITS * ROWS;          // numbers in a vector of all rows
  // Rows are taken a few at a time, so that few sums are live at once.
  static constexpr int WEIGHTS = PER_TEAM * 3 * QUADS * 4 * sizeof(real) / 4;  // registers
  static constexpr bool SHORT = sizeof(real) == 8 && WEIGHTS > 96;  // of registers, even so
  static constexpr int MOST = sizeof(real) == 8 ? 1 : WEIGHTS > 96 ? 2 : 4;
  static constexpr int AT_ONCE = ROWS < MOST ? ROWS : MOST;
  static constexpr int PASSES = ROWS / AT_ONCE;
  static constexpr int SHARES = LANES / (PER_TEAM * ROWS);
  static_assert(PER_BLOCK * BLOCKS == UNITS && LANES * PER_BLOCK == THREADS * PER_TEAM, "teams");
  static_assert(QUADS * 4 * LANES == UNITS && PER_BLOCK % 4 == 0, "columns");
  static_assert(LANES <= 32 && LANES >= ROWS * PER_TEAM, "each lane finishes at most one number");
  static_assert((ROWS & (ROWS - 1)) == 0 && AT_ONCE * PASSES == ROWS, "rows");
};

// The number that a thread works out: unit `unit` of row `row`. The first share of its lanes `stores` it.
template <class Tile>
struct Lane {
  int lane, pass, row, team_unit, unit, share;
  bool stores;
  DL_DEVICE explicit Lane(int block) {
    int number = dl_thread();
    dl_fresh(number);  // cheap to work out again in every step, and dear to keep
    const unsigned thread = number;  // a remainder of powers of two is one instruction if unsigned
    lane = thread % Tile::LANES;
    pass = lane / (Tile::AT_ONCE * Tile::PER_TEAM) % Tile::PASSES;
    row = pass * Tile::AT_ONCE + lane % Tile::AT_ONCE;
    team_unit = block * Tile::PER_BLOCK + thread / Tile::LANES * Tile::PER_TEAM;
    unit = team_unit + lane / Tile::AT_ONCE % Tile::PER_TEAM;
    share = lane / (Tile::PER_TEAM * Tile::ROWS);
    stores = share == 0;
  }
};

template <typename real>
struct alignas(16) Quad {
  real v[4];
};

// Where the four numbers of group `quad` of a row stand in a vector. Eight lanes at a time read, of one
// row, eight groups that follow each other. Rows are turned against each other so that eight groups of
// floats, sixteen bytes each, fill all banks once: 128 bytes hold every row of 8 / ROWS groups, which
// share a turn. (Doubles are twice as long, and hit every bank twice whatever the turn.)
template <class Tile>
DL_DEVICE int quad_place(int quad, int row) {
  return (quad * Tile::ROWS + ((row + quad % 8u * Tile::ROWS / 8) & (Tile::ROWS - 1))) * 4;
}

template <class Tile>
DL_DEVICE int place(int unit, int row) {
  return quad_place<Tile>(unit / 4, row) + unit % 4;
}

// The number that a thread works out, in the batch: `inside` it, or padding; `mine` to store.
template <class Tile>
struct Place : Lane<Tile> {
  int b;
  bool inside, mine;
  template <class Arguments>
  DL_DEVICE Place(int block, int group, const Arguments& a) : Lane<Tile>(block) {
    b = a.first + group * Tile::ROWS + this->row;
    inside = b < a.B && this->unit < a.H;
    mine = inside && this->stores;
  }
  DL_DEVICE int at() const { return place<Tile>(this->unit, this->row); }
};

// The steps of the observation whose number a thread works out; none for padding. Asked for once before
// the loop: a load in every step would be waited for in every step.
template <class Where, class Arguments>
DL_DEVICE int steps_of(const Where& me, const Arguments& a) {
  return !me.inside ? 0 : a.lengths ? a.lengths[me.b] : a.T;
}

// A lane's share of R[3·UNITS,UNITS], for the products R·v (ACROSS) or R'·v (not ACROSS).
// No test guards a load: that would cost registers.
template <class Tile, bool ACROSS>
DL_DEVICE void load_weights(typename Tile::real (&w)[Tile::PER_TEAM][3][Tile::QUADS * 4],
                            const typename Tile::real* R, long long column,
                            const Lane<Tile>& me) {
#pragma unroll
  for (int q = 0; q < Tile::PER_TEAM; q++)
#pragma unroll
    for (int gate = 0; gate < 3; gate++)
#pragma unroll
      for (int j = 0; j < Tile::QUADS; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const int unit = me.team_unit + q, other = (j * Tile::LANES + me.lane) * 4 + e;
          const int i = ACROSS ? unit : other, k = ACROSS ? other : unit;
          w[q][gate][j * 4 + e] = R[k * column + gate * Tile::UNITS + i];
        }
}

// Add up `sums` over a team: each lane ends with its own (unit, row) in sums[0][.][0].
template <class Tile, int SUMS>
DL_DEVICE void add_up(typename Tile::real (&sums)[Tile::PER_TEAM][SUMS][Tile::AT_ONCE], int lane) {
  using real = typename Tile::real;
  constexpr int AT_ONCE = Tile::AT_ONCE;
  // Halve the rows: keep one half, send the other to the lane that keeps it.
#pragma unroll
  for (int half = AT_ONCE / 2; half >= 1; half /= 2) {
    const bool upper = (lane & half) != 0;
#pragma unroll
    for (int q = 0; q < Tile::PER_TEAM; q++)
#pragma unroll
      for (int g = 0; g < SUMS; g++)
#pragma unroll
        for (int i = 0; i < half; i++) {
          const real sent = upper ? sums[q][g][i] : sums[q][g][i + half];
          const real kept = upper ? sums[q][g][i + half] : sums[q][g][i];
          sums[q][g][i] = kept + dl_shuffle_xor(sent, half);
        }
  }
  // Then the units.
  const bool second = (lane & AT_ONCE) != 0;
#pragma unroll
  for (int g = 0; g < SUMS; g++) {
    const real sent = second ? sums[0][g][0] : sums[1][g][0];
    const real kept = second ? sums[1][g][0] : sums[0][g][0];
    sums[0][g][0] = kept + dl_shuffle_xor(sent, AT_ONCE);
  }
  // Then plain sums over the lanes that are left.
#pragma unroll
  for (int m = AT_ONCE * Tile::PER_TEAM; m < Tile::LANES; m *= 2)
#pragma unroll
    for (int g = 0; g < SUMS; g++) sums[0][g][0] += dl_shuffle_xor(sums[0][g][0], m);
}

enum Terms {
  SAME_VECTOR,   // out[g] = (weights of gate FIRST + g) · vector
  OWN_VECTORS,   // out[g] = (weights of gate FIRST + g) · vectors[g]
  ALL_IN_ONE     // out[0] = sum over g of (weights of gate FIRST + g) · vectors[g]
};

// Multiply the weights of COUNT gates with vectors in shared memory.
template <class Tile, int FIRST, int COUNT, Terms TERMS>
DL_DEVICE void multiply(typename Tile::real (&out)[TERMS == ALL_IN_ONE ? 1 : COUNT],
                        const typename Tile::real (&w)[Tile::PER_TEAM][3][Tile::QUADS * 4],
                        const typename Tile::real* vectors, const Lane<Tile>& me) {
  using real = typename Tile::real;
  constexpr int SUMS = TERMS == ALL_IN_ONE ? 1 : COUNT;
#pragma unroll 1
  for (int pass = 0; pass < Tile::PASSES; pass++) {
    real sums[Tile::PER_TEAM][SUMS][Tile::AT_ONCE] = {};
#pragma unroll
    for (int v = 0; v < (TERMS == SAME_VECTOR ? 1 : COUNT); v++)
#pragma unroll
      for (int j = 0; j < Tile::QUADS; j++)
#pragma unroll
        for (int i = 0; i < Tile::AT_ONCE; i++) {
          const int at = quad_place<Tile>(j * Tile::LANES + me.lane, pass * Tile::AT_ONCE + i);
          const Quad<real> four = *reinterpret_cast<const Quad<real>*>(vectors + v * Tile::VECTOR + at);
#pragma unroll
          for (int q = 0; q < Tile::PER_TEAM; q++)
#pragma unroll
            for (int g = 0; g < (TERMS == SAME_VECTOR ? COUNT : 1); g++)
#pragma unroll
              for (int e = 0; e < 4; e++)
                sums[q][TERMS == ALL_IN_ONE ? 0 : v + g][i] += w[q][FIRST + v + g][j * 4 + e] * four.v[e];
        }
    add_up<Tile, SUMS>(sums, me.lane);
    if (pass == me.pass) {
#pragma unroll
      for (int g = 0; g < SUMS; g++) out[g] = sums[0][g][0];
    }
  }
}
