/* Chooses kernels and parts for a run, gives it memory, and runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "instruction_set.h"
#include "memory.h"
#include "run.h"

#define DECLARED(suffix) extern const dlgru_kernel dlgru_kernel_f32_##suffix, dlgru_kernel_f64_##suffix;
#define PAIR(suffix) {&dlgru_kernel_f32_##suffix, &dlgru_kernel_f64_##suffix}
DECLARED(baseline)
#ifdef HAVE_AVX2
DECLARED(avx2)
#endif
#ifdef HAVE_AVX512
DECLARED(avx512)
#endif

static const dlgru_kernel *const kernels[3][2] = {
    [DLGRU_BASELINE] = PAIR(baseline),
#ifdef HAVE_AVX2
    [DLGRU_AVX2] = PAIR(avx2),
#endif
#ifdef HAVE_AVX512
    [DLGRU_AVX512] = PAIR(avx512),
#endif
};

const dlgru_kernel *dlgru_kernel_for(int is_double, int set) {
    return set >= 0 && set < 3 ? kernels[set][is_double != 0] : NULL;
}

/* -- how many parts, and of what ------------------------------------------------------------ */

/* Below this a thread's part is not worth waking it for. */
static const double WORTH_A_THREAD = 4e5; /* multiplications and additions */
/* Below this a step is not worth a barrier. */
static const double WORTH_A_BARRIER = 4e4;

static int planned_parts(dlgru_run *run, const dlgru_kernel *kernel, int is_double, int backward) {
    const double H = (double)run->H, C = (double)run->C, B = (double)run->B;
    const double work = 6 * (double)dlgru_rows(run) * H * (C + H);
    run->by_units = 0;
    if (work < 2 * WORTH_A_THREAD) return 1;
    int parts = dlgru_team_size();
    if (parts > DLGRU_MAX_PARTS) parts = DLGRU_MAX_PARTS;
    if (work < parts * WORTH_A_THREAD) parts = (int)(work / WORTH_A_THREAD);
    if (parts < 2) return 1;
    /* Split by observations, parts never wait for each other within the walk, but each reads all
       weights: not where these are large and rows few. */
    const double weights = 3 * H * (C + H) * (is_double ? 8 : 4);
    const double rows = B / parts;
    if (rows >= 8 && weights <= 2.5e6) return parts;
    if (rows >= 4 && weights <= 1e6) return parts;
    if (rows >= 32) return parts;
    const ptrdiff_t panel = kernel->lanes * (run->B == 1 && !backward ? DLGRU_ABREAST : 1);
    const ptrdiff_t shares = (run->H + panel - 1) / panel; /* more parts would only come to the meetings */
    if (parts > shares) parts = (int)shares;
    const double step = 6 * B * H * H;
    if (step < WORTH_A_BARRIER || parts < 2) return 1;
    run->by_units = 1;
    return parts;
}

/* -- places --------------------------------------------------------------------------------- */

static void sort_places(dlgru_run *run) {
    ptrdiff_t *starts = run->active; /* a counting sort by length, longest first, stable */
    const ptrdiff_t T = run->T, B = run->B;
    for (ptrdiff_t t = 0; t <= T; t++) starts[t] = 0;
    for (ptrdiff_t b = 0; b < B; b++) starts[run->lengths[b]]++;
    ptrdiff_t before = 0;
    for (ptrdiff_t n = T; n >= 0; n--) {
        const ptrdiff_t here = starts[n];
        starts[n] = before;
        before += here;
    }
    for (ptrdiff_t b = 0; b < B; b++) run->order[starts[run->lengths[b]]++] = b;
    /* starts[n] is now the number of observations of length n or more. */
    for (ptrdiff_t t = 0; t < T; t++) run->active[t] = starts[t + 1];
}

/* Gives each part about the same number of rows. */
static void share_places(dlgru_run *run, int parts) {
    const double all = (double)dlgru_rows(run);
    double rows = 0;
    ptrdiff_t i = 0;
    for (int p = 0; p <= parts; p++) {
        while (i < run->B && (p == parts || rows + 0.5 * (double)(run->lengths ? run->lengths[run->order[i]] : run->T) <= all * p / parts))
            rows += (double)(run->lengths ? run->lengths[run->order[i]] : run->T), i++;
        run->first[p] = i;
    }
    run->first[0] = 0;
}

/* -- running -------------------------------------------------------------------------------- */

static int share_out(dlgru_run *run, int is_double, int set, int backward) {
    const dlgru_kernel *kernel = dlgru_kernel_for(is_double, set);
    size_t (*memory)(const dlgru_run *, int) = backward ? kernel->backward_memory : kernel->forward_memory;
    void (*work)(void *, int, int) = backward ? kernel->backward : kernel->forward;

    int parts = planned_parts(run, kernel, is_double, backward);
    if (parts > 1) parts = dlgru_team_take(parts);
    if (parts < 2) run->by_units = 0;

    size_t places = 0, barrier = 0;
    if (run->lengths) places += ((size_t)(run->B + run->T + 1) * sizeof(ptrdiff_t) + 63) & ~(size_t)63;
    if (parts > 1) places += ((size_t)(parts + 1) * sizeof(ptrdiff_t) + 63) & ~(size_t)63;
    if (parts > 1) barrier = (sizeof(dlgru_barrier) + 63) & ~(size_t)63;
    run->memory = NULL;
    run->order = run->active = run->first = NULL;
    run->barrier = NULL;
    if (run->lengths || parts > 1) {
        char *own = dlgru_memory_take(places + barrier);
        if (!own) goto no_memory;
        run->barrier = (dlgru_barrier *)own;
        run->first = (ptrdiff_t *)(own + barrier);
        if (run->lengths) {
            run->order = run->first + (parts > 1 ? parts + 1 : 0);
            run->active = run->order + run->B;
            sort_places(run);
        }
        if (parts > 1) {
            dlgru_barrier_init(run->barrier, parts);
            share_places(run, parts);
        }
    }
    _Alignas(64) char small[16384]; /* a step of one observation asks nobody for memory */
    const size_t bytes = memory(run, parts);
    run->memory = bytes <= sizeof small ? small : dlgru_memory_take(bytes);
    if (!run->memory) goto no_memory;
    if (parts > 1)
        dlgru_team_run(parts, work, run);
    else
        work(run, 0, 1);
    if (run->memory != small) dlgru_memory_give_back(run->memory);
    if (run->lengths || parts > 1) dlgru_memory_give_back(run->barrier);
    return 0;

no_memory:
    if (parts > 1) dlgru_team_return(parts);
    if (run->lengths || parts > 1) dlgru_memory_give_back(run->barrier);
    return -1;
}

void *dlgru_pack(dlgru_run *run, int is_double, int set) {
    const dlgru_kernel *kernel = dlgru_kernel_for(is_double, set);
    run->memory = dlgru_memory_take(kernel->packed_memory(run));
    if (run->memory) kernel->pack(run);
    return run->memory;
}

int dlgru_forward(dlgru_run *run, int is_double, int set) { return share_out(run, is_double, set, 0); }
int dlgru_backward(dlgru_run *run, int is_double, int set) { return share_out(run, is_double, set, 1); }
