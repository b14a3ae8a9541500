// How the blocks of one group hand each other the numbers they have finished.
//
// Every block needs the whole state in its own shared memory before the next product. A round is
// put (one number, as often as needed) … arrive … wait; what stands between arrive and wait overlaps
// with the others' work. Three ways, one interface:
//
//   one block     the number is stored in its own shared memory
//   CLUSTER       … in the shared memory of every block of the cluster
//   GROUP         … in a mailbox in global memory, from which each block fetches all of it
//
// A vector that is put in round k may be read until the reader arrives for round k + 1. So a kernel
// with one round a step uses two vectors in turn, and one with two rounds a step has a vector for each.
#pragma once
#include "tile.cuh"

enum Way { CLUSTER = 0, GROUP = 1 };

// From one group's counter to the next: 128 bytes, so that no two groups' counters share a cache line.
constexpr int COUNTER_STEP = 32;

template <class Tile, Way WAY>
class Exchange {
  using real = typename Tile::real;
  real* mailbox;  // GROUP: of the same size and layout as the shared memory that is exchanged
  unsigned* counter;
  unsigned arrivals = 0;

 public:
  static constexpr bool ALONE = Tile::BLOCKS == 1;

  DL_DEVICE Exchange(real* mailboxes, unsigned* counters, int group, int size)
      : mailbox(mailboxes + (WAY == GROUP && !ALONE ? static_cast<long long>(group) * size : 0)),
        counter(counters + (WAY == GROUP && !ALONE ? group * COUNTER_STEP : 0)) {
    // Nobody may store into the memory of a block that does not run yet.
    if constexpr (WAY == CLUSTER && !ALONE) {
      dl_cluster_arrive();
      dl_cluster_wait();
    }
  }

  static DL_DEVICE int block() {
    if constexpr (ALONE) return 0;
    if constexpr (WAY == CLUSTER) return dl_cluster_rank();
    return dl_block() % Tile::BLOCKS;
  }

  // Give all blocks the number that stands at `at` of the exchanged memory. All lanes that have worked it
  // out call this, each with its share: in a cluster each stores into every SHARES-th block.
  DL_DEVICE void put(real* shared, int at, real v, int share) {
    if constexpr (WAY == CLUSTER && !ALONE) {
#pragma unroll 4  // all at once would keep an address of every block in registers
      for (int block = 0; block < Tile::BLOCKS; block += Tile::SHARES)
        if (Tile::BLOCKS % Tile::SHARES == 0 || block + share < Tile::BLOCKS)
          dl_remote_store(shared + at, block + share, v);
    } else if (share == 0) {
      (ALONE ? shared : mailbox)[at] = v;
    }
  }

  DL_DEVICE void arrive() {
    if constexpr (ALONE) return;
    if constexpr (WAY == CLUSTER) dl_cluster_arrive();
    else dl_group_arrive(counter);
  }

  // Wait until `count` numbers from `at` on have come from all blocks.
  DL_DEVICE void wait(real* shared, int at, int count) {
    if constexpr (ALONE) {
      dl_sync();
    } else if constexpr (WAY == CLUSTER) {
      dl_cluster_wait();
    } else {
      constexpr int STEP = 16 / sizeof(real);
      arrivals += Tile::BLOCKS;
      dl_group_wait(counter, arrivals);
      for (int i = at + dl_thread() * STEP; i < at + count; i += Tile::THREADS * STEP)
        dl_fetch_sixteen_bytes(shared + i, mailbox + i);
      dl_sync();
    }
  }
};
