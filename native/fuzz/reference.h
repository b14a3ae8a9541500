/* The gated recurrent unit as its equations stand, one number at a time and in double. */
#ifndef DLGRU_REFERENCE_H
#define DLGRU_REFERENCE_H

#include "run.h"

/* What a run gives, in column-major order and without gaps. */
typedef struct {
    double *y, *last;                  /* [H,B,T] [H,B] */
    double *dx, *dh0, *dW, *dR, *db;   /* [C,B,T] [H,B] [3H,C] [3H,H] [biases·H] */
    double corner; /* how near an argument came to a corner of an activation, relative to 1 */
} reference_results;

/* Element (i, j, k) of an input. */
double reference_element(const dlgru_input *input, int is_double, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k);

/* Computes the outputs and all gradients. */
void reference(const dlgru_run *run, int is_double, reference_results *results);
void reference_free(reference_results *results);

#endif
