/* One call: what is to be computed, where its arrays lie, and how its parts share the work.

   Every array is column-major: unit steps within a column, other steps counted in elements.
   The types are void, because the same run is handed to the kernels of either class. */
#ifndef DLGRU_RUN_H
#define DLGRU_RUN_H

#include <stddef.h>

#include "threads.h"

typedef struct {
    const void *data;
    ptrdiff_t next; /* from one column to the next */
    ptrdiff_t far;  /* from one plane to the next, where there are three dimensions */
} dlgru_input;

typedef struct {
    ptrdiff_t T, B, C, H;
    int before;   /* the reset gate acts before the recurrent product, else after it */
    int downward; /* time is walked from T-1 to 0 */
    int gate;     /* 0 sigmoid, 1 hard-sigmoid */
    int act;      /* 0 tanh, 1 softsign, 2 relu */
    int biases;   /* blocks of H in b: 0, 3, or 6 (input biases, then recurrent ones) */

    dlgru_input x, h0, W, R, b; /* [C,B,T] [H,B] [3H,C] [3H,H] [biases·H], b's step is `next` */
    void *y, *last;             /* [H,B,T] [H,B], without gaps */
    void *gates;                /* what backward needs, 4H (before: 3H) values a row; or NULL */
    const void *kept;           /* forward: W, R and b as `pack` left them; or NULL */

    /* Lengths.  Observations are walked in the order of falling length, so that those that run
       at any one time step are the first ones: `order[i]` is the observation at place i and
       `active[t]` the number of them.  All three are NULL if every observation has T steps. */
    const ptrdiff_t *lengths;
    ptrdiff_t *order, *active;

    /* Backward only.  What is NULL is not wanted, or zero where it comes in. */
    dlgru_input dy, dlast;
    void *dx, *dh0, *dW, *dR, *db;

    /* How the parts share the work: each has its own places, or its own hidden units. */
    int by_units;
    ptrdiff_t *first; /* by places: part p has first[p] … first[p+1]-1 */
    dlgru_barrier *barrier;
    void *memory; /* as much as the kernel asked for, on a 64-byte boundary */
} dlgru_run;

/* Steps of all observations together: the rows of the products. */
static inline ptrdiff_t dlgru_rows(const dlgru_run *run) {
    if (!run->lengths) return run->T * run->B;
    ptrdiff_t rows = 0;
    for (ptrdiff_t b = 0; b < run->B; b++) rows += run->lengths[b];
    return rows;
}

/* Adam's update of one parameter; `step` is the rate with the bias corrections. */
typedef struct {
    ptrdiff_t count;
    const void *p, *g, *m, *v; /* parameter, gradient, average, average of squares */
    void *new_p, *new_m, *new_v;
    double step, beta1, beta2, epsilon;
} dlgru_adam;

/* A single row is walked by so many vectors of hidden units at once, which no two parts share. */
enum { DLGRU_ABREAST = 4 };

/* The kernels of one class and one instruction set. */
typedef struct {
    int lanes;
    size_t (*packed_memory)(const dlgru_run *run);
    void (*pack)(const dlgru_run *run); /* W, R and b, into the run's memory */
    size_t (*forward_memory)(const dlgru_run *run, int parts);
    void (*forward)(void *run, int part, int parts);
    size_t (*backward_memory)(const dlgru_run *run, int parts);
    void (*backward)(void *run, int part, int parts);
    void (*adam)(const dlgru_adam *update);
    /* For tests of accuracy: the sigmoid and the hyperbolic tangent of n values. */
    void (*curves)(ptrdiff_t n, const void *x, void *sigmoid, void *tanh);
} dlgru_kernel;

/* Computes the run.  Returns 0, or -1 if there is no memory; nothing is written then. */
int dlgru_forward(dlgru_run *run, int is_double, int instruction_set);
int dlgru_backward(dlgru_run *run, int is_double, int instruction_set);

/* W, R and b packed for runs with this number of observations, one or several, in memory to be given
   back; or NULL if there is none. */
void *dlgru_pack(dlgru_run *run, int is_double, int instruction_set);

/* The kernels for a class; NULL if they were not compiled. */
const dlgru_kernel *dlgru_kernel_for(int is_double, int instruction_set);

#endif
