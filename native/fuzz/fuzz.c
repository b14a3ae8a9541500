/* Random runs through the dispatcher, forward and backward, held against the equations.

       fuzz SECONDS SEED never|after|meanwhile

   Each run has random sizes, strides, lengths, options, class, instruction set and number of
   threads.  Arrays have exactly their bytes, gaps and padding hold NaN, results are NaN before,
   and the same run on one thread, perhaps with weights packed before, must give the same bits.
   Two callers work at a time; children that are forked after that, or meanwhile, run on their
   own.  Sanitizers do the rest. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arrays.h"
#include "instruction_set.h"
#include "memory.h"
#include "reference.h"

enum { CALLERS = 2, INPUTS = 7, RESULTS = 8 };

static long long deadline;
static atomic_long runs, skipped;

typedef struct {
    fuzz_random random;
    int is_double, set, place, packs;
    dlgru_run run;
    fuzz_array memory[INPUTS + 1]; /* one more for the lengths */
    int arrays;
} problem;

/* -- making a problem ------------------------------------------------------------------------- */

static void put(problem *p, void *data, ptrdiff_t at, double value) {
    if (p->is_double)
        ((double *)data)[at] = value;
    else
        ((float *)data)[at] = (float)value;
}

/* An input of n0×n1×n2 random numbers, with gaps of NaN between columns and planes. */
static void fill(problem *p, dlgru_input *input, ptrdiff_t n0, ptrdiff_t n1, ptrdiff_t n2, double scale) {
    const int gaps = fuzz_below(&p->random, 2);
    input->next = n0 + (gaps ? fuzz_below(&p->random, 20) : 0);
    input->far = input->next * n1 + (gaps ? fuzz_below(&p->random, 20) : 0);
    const ptrdiff_t count = n0 + (n1 - 1) * input->next + (n2 - 1) * input->far;
    fuzz_array *memory = &p->memory[p->arrays++];
    *memory = fuzz_array_of((size_t)count * (p->is_double ? 8 : 4), p->place);
    for (ptrdiff_t at = 0; at < count; at++) put(p, memory->data, at, NAN);
    for (ptrdiff_t k = 0; k < n2; k++)
        for (ptrdiff_t j = 0; j < n1; j++)
            for (ptrdiff_t i = 0; i < n0; i++)
                put(p, memory->data, i + j * input->next + k * input->far, scale * fuzz_normal(&p->random));
    input->data = memory->data;
}

/* What stands behind an observation's end must have no influence. */
static void spoil_padding(problem *p, const dlgru_input *input, ptrdiff_t n0) {
    for (ptrdiff_t b = 0; input->data && b < p->run.B; b++)
        for (ptrdiff_t t = p->run.lengths[b]; t < p->run.T; t++)
            for (ptrdiff_t i = 0; i < n0; i++)
                put(p, (void *)input->data, i + b * input->next + t * input->far, NAN);
}

static ptrdiff_t size(fuzz_random *random, unsigned small, unsigned large) {
    switch (fuzz_below(random, 4)) {
        case 0: return 1 + fuzz_below(random, 3);
        case 1: return 1 + fuzz_below(random, large);
        default: return 1 + fuzz_below(random, small);
    }
}

static void make(problem *p) {
    fuzz_random *random = &p->random;
    dlgru_run *run = &p->run;
    memset(run, 0, sizeof *run);
    p->arrays = 0;
    p->is_double = fuzz_below(random, 2);
    p->set = fuzz_below(random, (unsigned)dlgru_instruction_set() + 1);
    p->place = fuzz_below(random, 3);
    p->packs = fuzz_below(random, 2);
    const int shared = fuzz_below(random, 3) == 0; /* enough work for several threads */
    do {
        run->T = size(random, 8, 40), run->B = size(random, 9, 70);
        run->C = size(random, 20, 100);
        run->H = shared ? 60 + fuzz_below(random, 100) : size(random, 40, 150);
        if (shared) run->T += 10;
        if (shared && fuzz_below(random, 3) == 0) run->B = 1; /* parts exchange rows instead of meeting */
    } while (run->T * run->B * run->H * (run->C + run->H) > 6000000);
    run->before = fuzz_below(random, 3) == 0;
    run->downward = fuzz_below(random, 2);
    run->gate = fuzz_below(random, 2);
    run->act = fuzz_below(random, 3);
    run->biases = 3 * (int)fuzz_below(random, run->before ? 2 : 3);
    const ptrdiff_t T = run->T, B = run->B, C = run->C, H = run->H;
    fill(p, &run->x, C, B, T, 1);
    fill(p, &run->h0, H, B, 1, 0.5);
    fill(p, &run->W, 3 * H, C, 1, 1 / sqrt((double)C));
    fill(p, &run->R, 3 * H, H, 1, 0.7 / sqrt((double)H));
    if (run->biases) {
        fill(p, &run->b, 1, run->biases * H, 1, 0.5);
    }
    if (fuzz_below(random, 4)) fill(p, &run->dy, H, B, T, 1);
    if (fuzz_below(random, 4)) fill(p, &run->dlast, H, B, 1, 1);
    if (fuzz_below(random, 2)) {
        p->memory[p->arrays] = fuzz_array_of((size_t)B * sizeof(ptrdiff_t), p->place);
        ptrdiff_t *lengths = p->memory[p->arrays++].data;
        for (ptrdiff_t b = 0; b < B; b++) lengths[b] = fuzz_below(random, (unsigned)T + 1);
        run->lengths = lengths;
        spoil_padding(p, &run->x, C);
        spoil_padding(p, &run->dy, H);
    }
}

/* -- running it ------------------------------------------------------------------------------- */

typedef struct {
    fuzz_array array[RESULTS]; /* y last gates dx dh0 dW dR db */
    size_t bytes[RESULTS];
} answers;

enum { Y, LAST, GATES, DX, DH0, DW, DR, DB };

/* Runs forward, then backward with the wanted gradients (bits) and kept gates or rebuilt ones. */
static answers run_with(problem *p, int threads, unsigned wanted, int keep) {
    dlgru_run run = p->run;
    const size_t size = p->is_double ? 8 : 4, T = (size_t)run.T, B = (size_t)run.B;
    const size_t C = (size_t)run.C, H = (size_t)run.H;
    answers out = {.bytes = {H * B * T, H * B, keep ? T * B * H * (run.before ? 3 : 4) : 0, C * B * T,
                             H * B, 3 * H * C, 3 * H * H, (size_t)run.biases * H}};
    void **const places[RESULTS] = {&run.y,   &run.last, &run.gates, &run.dx,
                                    &run.dh0, &run.dW,   &run.dR,    &run.db};
    for (int k = 0; k < RESULTS; k++) {
        if (k >= DX && !(wanted >> (k - DX) & 1)) out.bytes[k] = 0;
        out.bytes[k] *= size;
        *places[k] = NULL;
        if (out.bytes[k] == 0) continue;
        out.array[k] = fuzz_array_of(out.bytes[k], p->place);
        memset(out.array[k].data, 0xff, out.bytes[k]); /* NaN in both classes */
        *places[k] = out.array[k].data;
    }
    dlgru_team_limit(threads);
    /* One of the two runs of a problem with weights that were packed before, so that bits are compared. */
    dlgru_run packed = run;
    void *kept = threads == 1 && p->packs ? dlgru_pack(&packed, p->is_double, p->set) : NULL;
    run.kept = kept;
    const int failed = dlgru_forward(&run, p->is_double, p->set);
    dlgru_memory_give_back(kept);
    run.kept = NULL;
    if (failed || dlgru_backward(&run, p->is_double, p->set)) {
        fprintf(stderr, "fuzz: a run got no memory\n");
        exit(2);
    }
    return out;
}

static void let_go(answers *a) {
    for (int k = 0; k < RESULTS; k++)
        if (a->bytes[k]) fuzz_array_free(&a->array[k]);
}

/* -- judging it ------------------------------------------------------------------------------- */

static void fail(const problem *p, int threads, const char *what, double error) {
    const dlgru_run *r = &p->run;
    fprintf(stderr,
            "fuzz: wrong %s (%g): T=%td B=%td C=%td H=%td double=%d set=%d threads=%d before=%d "
            "downward=%d gate=%d act=%d biases=%d lengths=%d place=%d\n",
            what, error, r->T, r->B, r->C, r->H, p->is_double, p->set, threads, r->before, r->downward,
            r->gate, r->act, r->biases, r->lengths != NULL, p->place);
    exit(1);
}

/* The largest difference, relative to the largest value, or to 1. */
static double error_of(const problem *p, const fuzz_array *found, const double *right, size_t count) {
    double most = 1, error = 0;
    for (size_t k = 0; k < count; k++) {
        const double value = p->is_double ? ((double *)found->data)[k] : (double)((float *)found->data)[k];
        if (!(fabs(value - right[k]) <= error)) error = fabs(value - right[k]);
        if (isnan(value)) return INFINITY;
        if (fabs(right[k]) > most) most = fabs(right[k]);
    }
    return error / most;
}

static void one(problem *p) {
    static const char *const names[RESULTS] = {"y", "last", "gates", "dx", "dh0", "dW", "dR", "db"};
    static const int teams[] = {2, 2, 3, 5, 8};
    make(p);
    const int threads = teams[fuzz_below(&p->random, 5)], keep = fuzz_below(&p->random, 3) > 0;
    const unsigned wanted = fuzz_below(&p->random, 3) ? 31 : fuzz_below(&p->random, 32);
    answers many = run_with(p, threads, wanted, keep), alone = run_with(p, 1, wanted, keep);
    for (int k = 0; k < RESULTS; k++)
        if (many.bytes[k] && memcmp(many.array[k].data, alone.array[k].data, many.bytes[k]))
            fail(p, threads, names[k], NAN);

    reference_results right;
    reference(&p->run, p->is_double, &right);
    const double *const values[RESULTS] = {right.y,  right.last, NULL,     right.dx,
                                           right.dh0, right.dW,  right.dR, right.db};
    /* Rounding grows with the sums (up to 2800 rows of 150 units) and the steps. */
    const double allowed = p->is_double ? 1e-12 : 2e-5;
    /* At a corner of an activation, rounding may choose the other slope. */
    const int slopes_sure = right.corner > allowed;
    if (!slopes_sure) atomic_fetch_add(&skipped, 1);
    for (int k = 0; k < RESULTS; k++) {
        if (!values[k] || !many.bytes[k] || (k >= DX && !slopes_sure)) continue;
        const double error = error_of(p, &many.array[k], values[k], many.bytes[k] / (p->is_double ? 8 : 4));
        if (!(error <= allowed)) fail(p, threads, names[k], error);
    }
    reference_free(&right);
    let_go(&many), let_go(&alone);
    for (int k = 0; k < p->arrays; k++) fuzz_array_free(&p->memory[k]);
    atomic_fetch_add(&runs, 1);
}

static void *caller(void *seed) {
    problem p = {.random = *(fuzz_random *)seed};
    while (dlgru_now() < deadline) one(&p);
    return NULL;
}

/* A child has none of its parent's workers and must make its own. */
static void fork_one(fuzz_random seed) {
    const pid_t child = fork();
    if (child == 0) {
        problem p = {.random = seed};
        for (int k = 0; k < 5; k++) one(&p);
        _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status) {
        fprintf(stderr, "fuzz: a forked child failed, status %d\n", status);
        exit(1);
    }
}

int main(int count, char **args) {
    if (count != 4) return 2;
    const double seconds = atof(args[1]);
    fuzz_random seeds[CALLERS];
    for (int k = 0; k < CALLERS; k++)
        seeds[k] = 88172645463325252ull + 1000003ull * (unsigned)atoi(args[2]) + 7919ull * (unsigned)k;
    deadline = dlgru_now() + (long long)(1e9 * seconds);
    pthread_t callers[CALLERS];
    for (int k = 0; k < CALLERS; k++) pthread_create(&callers[k], NULL, caller, &seeds[k]);
    int children = 0;
    if (strcmp(args[3], "meanwhile") == 0)
        while (dlgru_now() < deadline) fork_one(seeds[0] + (unsigned)children++);
    for (int k = 0; k < CALLERS; k++) pthread_join(callers[k], NULL);
    if (strcmp(args[3], "after") == 0)
        while (children < 5) fork_one(seeds[0] + (unsigned)children++);
    printf("fuzz: %ld runs and %d children, values and bits right; gradients of %ld runs not compared,"
           " at a corner\n",
           atomic_load(&runs), children, atomic_load(&skipped));
    return 0;
}
