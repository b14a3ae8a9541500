// What a kernel asks of the machine it runs on.
//
// Kernels are written against the names in this file and include no CUDA header. The same source is
// compiled for a GPU (by NVRTC, at the first call that needs it) and, with DLGRU_EMULATED defined,
// for the CPU by an ordinary C++ compiler: the tests' emulated.hpp then supplies these names and
// runs every thread as a fiber.
#pragma once
#ifdef DLGRU_EMULATED
#include "emulated.hpp"
#else

#define DL_DEVICE __device__ __forceinline__
#define DL_KERNEL(threads) __global__ void __launch_bounds__(threads, 1)
#define DL_SHARED(type, name)                                        \
  extern __shared__ __align__(16) unsigned char dl_shared_bytes[];   \
  type* name = reinterpret_cast<type*>(dl_shared_bytes)

DL_DEVICE int dl_thread() { return static_cast<int>(threadIdx.x); }
DL_DEVICE int dl_block() { return static_cast<int>(blockIdx.x); }
DL_DEVICE int dl_blocks() { return static_cast<int>(gridDim.x); }
DL_DEVICE void dl_sync() { __syncthreads(); }
DL_DEVICE float dl_shuffle_xor(float v, int m) { return __shfl_xor_sync(0xffffffffu, v, m); }
DL_DEVICE double dl_shuffle_xor(double v, int m) { return __shfl_xor_sync(0xffffffffu, v, m); }
DL_DEVICE float dl_exp(float x) { return expf(x); }
DL_DEVICE double dl_exp(double x) { return exp(x); }
DL_DEVICE float dl_tanh(float x) { return tanhf(x); }
DL_DEVICE double dl_tanh(double x) { return tanh(x); }
DL_DEVICE float dl_sqrt(float x) { return sqrtf(x); }
DL_DEVICE double dl_sqrt(double x) { return sqrt(x); }

// Makes the compiler take this number as it comes, so that it does not keep addresses that follow
// from it in registers from one turn of a loop to the next.
DL_DEVICE void dl_fresh(int& number) { asm volatile("" : "+r"(number)); }

// -- clusters: blocks that reach each other's shared memory (sm_90 and newer) ---------------------
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
DL_DEVICE int dl_cluster_rank() {
  unsigned rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
}
// What was stored before arrive is seen by every thread of the cluster after its wait.
DL_DEVICE void dl_cluster_arrive() {
  asm volatile("barrier.cluster.arrive.release;" ::: "memory");
}
DL_DEVICE void dl_cluster_wait() {
  asm volatile("barrier.cluster.wait.acquire;" ::: "memory");
}
DL_DEVICE unsigned dl_remote_address(const void* here, int rank) {
  unsigned own = static_cast<unsigned>(__cvta_generic_to_shared(here)), there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(own), "r"(rank));
  return there;
}
DL_DEVICE void dl_remote_store(float* at, int rank, float v) {
  asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(dl_remote_address(at, rank)), "f"(v)
               : "memory");
}
DL_DEVICE void dl_remote_store(double* at, int rank, double v) {
  asm volatile("st.shared::cluster.f64 [%0], %1;" ::"r"(dl_remote_address(at, rank)), "d"(v)
               : "memory");
}
#else
// Never reached: the host side offers clusters on newer architectures only.
DL_DEVICE int dl_cluster_rank() { return 0; }
DL_DEVICE void dl_cluster_arrive() { __trap(); }
DL_DEVICE void dl_cluster_wait() { __trap(); }
template <typename real>
DL_DEVICE void dl_remote_store(real*, int, real) { __trap(); }
#endif

// -- groups: blocks that meet at a counter in global memory ---------------------------------------
// The counter only rises; it is zero when the kernel starts. All blocks of a group have to run at
// the same time, so such kernels are launched cooperatively.
DL_DEVICE void dl_group_arrive(unsigned* counter) {
  __syncthreads();
  if (threadIdx.x == 0)
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
}
DL_DEVICE void dl_group_wait(const unsigned* counter, unsigned arrivals) {
  if (threadIdx.x == 0) {
    unsigned seen;
    do {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(counter) : "memory");
    } while (seen < arrivals);
  }
  __syncthreads();
}
// Sixteen bytes that another block wrote: read from the second-level cache, never from the first.
template <typename real>
DL_DEVICE void dl_fetch_sixteen_bytes(real* to, const real* from) {
  unsigned a, b, c, d;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "l"(from) : "memory");
  reinterpret_cast<uint4*>(to)[0] = make_uint4(a, b, c, d);
}

// -- tensor cores (sm_80 and newer) ----------------------------------------------------------------
DL_DEVICE unsigned dl_bits(float x) { return __float_as_uint(x); }
DL_DEVICE float dl_float(unsigned bits) { return __uint_as_float(bits); }
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
DL_DEVICE unsigned dl_tf32(float x) {
  unsigned rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
  return rounded;
}
// d[16,8] += a[16,8]·b[8,8] of one warp, in the fragment layout of PTX's m16n8k8.
DL_DEVICE void dl_multiply_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#else
// Never reached, as with clusters.
DL_DEVICE unsigned dl_tf32(float x) { return dl_bits(x); }
DL_DEVICE void dl_multiply_tf32(float (&)[4], const unsigned (&)[4], unsigned, unsigned) { __trap(); }
#endif
#endif  // DLGRU_EMULATED
