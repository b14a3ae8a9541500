// The CPU as a GPU, for port.cuh: every thread of a launch is a fiber, and one runs at a time.
//
// Fibers change places at barriers and shuffles only, in a seeded random order that is unfair on
// purpose: warps run at speeds that are drawn anew again and again, up to 64 times slower than
// others. What hardware leaves undefined shows as a wrong result:
//
//   * shared memory is NaN until its block has begun to run, and again what was stored there before;
//   * a store into another block's memory becomes visible only when its thread arrives at the barrier;
//   * a store into the memory of a block that has ended, a barrier that not all reach, and blocks that
//     wait for each other in a launch that does not run them together end the launch with a message.
//
// This checks arithmetic, indices, barriers and the reuse of memory. It says nothing about speed, and
// nothing about orders of memory that a GPU allows and this file does not imitate.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

namespace emulated {

struct Gate {
  int arrived = 0;
  unsigned generation = 0;
};
struct Warp {
  Gate gate;
  int slowness = 1;
  unsigned long long slot[32][8];
};
struct Cluster;
struct Block {
  int id, rank, fibers_left;
  bool begun = false;
  std::vector<unsigned char> shared;
  Gate gate;
  std::vector<Warp> warps;
  Cluster* cluster;
};
struct Cluster {
  Gate gate;
  std::vector<Block*> blocks;
};
struct Store {
  Block* block;
  size_t offset, size;
  unsigned char bytes[8];
};
struct Fiber {
  ucontext_t start;
  jmp_buf place;
  bool started = false, done = false, arrived = false;
  std::unique_ptr<char[]> stack;
  int thread;
  Block* block;
  unsigned cluster_generation = 0;
  std::vector<Store> under_way;
};

inline Fiber* current;
inline jmp_buf scheduler;
inline ucontext_t scheduler_start;
inline const std::function<void()>* body;
inline int threads, cluster_size, grid;
inline bool together;
inline unsigned long long progress;
inline const char* failure;

[[noreturn]] inline void fail(const char* why) {
  failure = why;
  _longjmp(scheduler, 1);
}
inline void yield() {
  if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}
inline void meet(Gate& gate, int count) {
  const unsigned mine = gate.generation;
  progress++;
  if (++gate.arrived == count) gate.arrived = 0, gate.generation++;
  else
    while (gate.generation == mine) yield();
}
inline void entry() {
  (*body)();
  if (!current->under_way.empty()) fail("a thread ended with stores under way");
  if (current->arrived) fail("a thread ended between arrive and wait");
  current->done = true;
  current->block->fibers_left--;
  progress++;
  _longjmp(scheduler, 1);
}
inline void resume(Fiber* fiber) {
  current = fiber;
  if (!fiber->block->begun) {
    fiber->block->begun = true;
    std::fill(fiber->block->shared.begin(), fiber->block->shared.end(), 0xff);  // NaN
  }
  if (_setjmp(scheduler)) return;
  if (fiber->started) _longjmp(fiber->place, 1);
  fiber->started = true;
  swapcontext(&scheduler_start, &fiber->start);
}

// Run a grid to its end; null, or what went wrong.
inline const char* launch(int grid_, int cluster_, int threads_, size_t shared_bytes, bool together_,
                          unsigned seed, const std::function<void()>& kernel) {
  grid = grid_, cluster_size = cluster_, threads = threads_, together = together_;
  body = &kernel, failure = nullptr, progress = 0;
  if (threads % 32 || grid % cluster_size) return "threads or blocks do not divide";
  std::mt19937 random(seed);
  std::vector<std::unique_ptr<Block>> blocks;
  std::vector<std::unique_ptr<Cluster>> clusters;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Fiber*> live;
  for (int i = 0; i < grid; i++) {
    if (i % cluster_size == 0) clusters.push_back(std::make_unique<Cluster>());
    auto block = std::make_unique<Block>();
    block->id = i, block->rank = i % cluster_size, block->fibers_left = threads;
    block->cluster = clusters.back().get();
    block->shared.assign(shared_bytes, 0xff);
    block->warps.resize(threads / 32);
    clusters.back()->blocks.push_back(block.get());
    for (int t = 0; t < threads; t++) {
      constexpr size_t STACK = 64 * 1024;
      auto fiber = std::make_unique<Fiber>();
      fiber->thread = t, fiber->block = block.get();
      fiber->stack.reset(new char[STACK]);
      getcontext(&fiber->start);
      fiber->start.uc_stack.ss_sp = fiber->stack.get();
      fiber->start.uc_stack.ss_size = STACK;
      fiber->start.uc_link = nullptr;
      makecontext(&fiber->start, entry, 0);
      live.push_back(fiber.get());
      fibers.push_back(std::move(fiber));
    }
    blocks.push_back(std::move(block));
  }
  const int speeds[4] = {1, 1, 4, 64};
  unsigned long long seen = 0;
  for (long round = 0, idle = 0; !live.empty(); round++) {
    if (round % 128 == 0)
      for (auto& block : blocks)
        for (auto& warp : block->warps) warp.slowness = speeds[random() % 4];
    std::shuffle(live.begin(), live.end(), random);
    size_t kept = 0;
    for (Fiber* fiber : live) {
      const int slowness = fiber->block->warps[fiber->thread / 32].slowness;
      if (slowness == 1 || random() % slowness == 0) resume(fiber);
      if (failure) return failure;
      if (!fiber->done) live[kept++] = fiber;
    }
    live.resize(kept);
    idle = progress == seen ? idle + 1 : 0;
    seen = progress;
    if (idle > 4000) return "threads wait for each other for ever";
  }
  return nullptr;
}

template <class Arguments>
void call(void (*kernel)(Arguments), const void* arguments) {
  kernel(*static_cast<const std::remove_cv_t<Arguments>*>(arguments));
}

inline Warp& warp() { return current->block->warps[current->thread / 32]; }

template <class T>
T shuffle_xor(T v, int mask) {
  Warp& w = warp();
  const int lane = current->thread % 32;
  std::memcpy(&w.slot[lane][0], &v, sizeof(T));
  meet(w.gate, 32);
  T other;
  std::memcpy(&other, &w.slot[lane ^ mask][0], sizeof(T));
  meet(w.gate, 32);
  return other;
}

}  // namespace emulated

#define DL_DEVICE inline
#define DL_KERNEL(threads) void
#define DL_SHARED(type, name) type* name = reinterpret_cast<type*>(emulated::current->block->shared.data())

inline int dl_thread() { return emulated::current->thread; }
inline int dl_block() { return emulated::current->block->id; }
inline int dl_blocks() { return emulated::grid; }
inline void dl_sync() { emulated::meet(emulated::current->block->gate, emulated::threads); }
inline float dl_shuffle_xor(float v, int m) { return emulated::shuffle_xor(v, m); }
inline double dl_shuffle_xor(double v, int m) { return emulated::shuffle_xor(v, m); }
inline void dl_fresh(int&) {}
inline float dl_exp(float x) { return std::exp(x); }
inline double dl_exp(double x) { return std::exp(x); }
inline float dl_tanh(float x) { return std::tanh(x); }
inline double dl_tanh(double x) { return std::tanh(x); }
inline float dl_sqrt(float x) { return std::sqrt(x); }
inline double dl_sqrt(double x) { return std::sqrt(x); }

inline int dl_cluster_rank() { return emulated::current->block->rank; }
inline void dl_cluster_arrive() {
  using namespace emulated;
  if (current->arrived) fail("a second arrive without a wait");
  current->arrived = true;
  for (const Store& store : current->under_way) {
    if (store.block->fibers_left < threads) fail("a store into a block that has ended");
    if (store.block->begun)
      std::memcpy(store.block->shared.data() + store.offset, store.bytes, store.size);
  }
  current->under_way.clear();
  Gate& gate = current->block->cluster->gate;
  current->cluster_generation = gate.generation;
  progress++;
  if (++gate.arrived == cluster_size * threads) gate.arrived = 0, gate.generation++;
}
inline void dl_cluster_wait() {
  using namespace emulated;
  if (!current->arrived) fail("a wait without an arrive");
  while (current->block->cluster->gate.generation == current->cluster_generation) yield();
  current->arrived = false;
  progress++;
}
template <typename real>
inline void dl_remote_store(real* at, int rank, real v) {
  using namespace emulated;
  Block* here = current->block;
  if (rank >= cluster_size) fail("a store outside the cluster");
  const size_t offset = reinterpret_cast<unsigned char*>(at) - here->shared.data();
  if (offset + sizeof(real) > here->shared.size()) fail("a store outside shared memory");
  Store store{here->cluster->blocks[rank], offset, sizeof(real), {}};
  std::memcpy(store.bytes, &v, sizeof(real));
  current->under_way.push_back(store);
}

inline void dl_group_arrive(unsigned* counter) {
  dl_sync();
  if (dl_thread() == 0) ++*counter;
  emulated::progress++;
}
inline void dl_group_wait(const unsigned* counter, unsigned arrivals) {
  if (!emulated::together) emulated::fail("blocks wait for each other but may not run together");
  if (dl_thread() == 0)
    while (*const_cast<const volatile unsigned*>(counter) < arrivals) emulated::yield();
  dl_sync();
}
template <typename real>
inline void dl_fetch_sixteen_bytes(real* to, const real* from) {
  std::memcpy(to, from, 16);
}

inline unsigned dl_bits(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float dl_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
inline unsigned dl_tf32(float x) { return (dl_bits(x) + 0x1000u) & 0xffffe000u; }
inline void dl_multiply_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  auto& w = emulated::warp();
  const int lane = dl_thread() % 32, row = lane / 4, column = lane % 4 * 2;
  const unsigned given[6] = {a[0], a[1], a[2], a[3], b0, b1};
  for (int i = 0; i < 6; i++) w.slot[lane][i] = given[i] & 0xffffe000u;  // what the unit reads
  emulated::meet(w.gate, 32);
  auto at = [&](int lane, int i) { return double(dl_float(unsigned(w.slot[lane][i]))); };
  for (int i = 0; i < 4; i++) {
    double sum = d[i];
    for (int k = 0; k < 8; k++)
      sum += at((row * 4) + k % 4, i / 2 + k / 4 * 2) * at((column + i % 2) * 4 + k % 4, 4 + k / 4);
    d[i] = float(sum);
  }
  emulated::meet(w.gate, 32);
}
