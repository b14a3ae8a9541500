#include "reference.h"

#include <math.h>
#include <stdlib.h>

double reference_element(const dlgru_input *input, int is_double, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k) {
    const ptrdiff_t at = i + j * input->next + k * input->far;
    return is_double ? ((const double *)input->data)[at] : (double)((const float *)input->data)[at];
}

static double *zeros(ptrdiff_t count) {
    double *made = calloc((size_t)count + 1, sizeof *made);
    if (!made) abort();
    return made;
}

/* -- activations: value, and slope from argument and value ------------------------------------- */

static double gate_of(int kind, double a) {
    if (kind == 0) return 1 / (1 + exp(-a));
    return a < -2.5 ? 0 : a > 2.5 ? 1 : 0.2 * a + 0.5;
}

static double gate_slope(int kind, double a, double g) {
    if (kind == 0) return g * (1 - g);
    return a > -2.5 && a < 2.5 ? 0.2 : 0;
}

static double act_of(int kind, double a) {
    return kind == 0 ? tanh(a) : kind == 1 ? a / (1 + fabs(a)) : a > 0 ? a : 0;
}

static double act_slope(int kind, double a, double n) {
    return kind == 0 ? 1 - n * n : kind == 1 ? (1 - fabs(n)) * (1 - fabs(n)) : a > 0;
}

static void watch_corner(reference_results *results, double distance) {
    if (fabs(distance) < results->corner) results->corner = fabs(distance);
}

/* -- one observation ----------------------------------------------------------------------------- */

/* Everything of one step: H values each. */
typedef struct {
    double *before, *ar, *az, *an, *r, *z, *n, *product; /* product: R_n·h (+ bias), or R_n·(r∘h) */
} step;

enum { FIELDS = 8 };

static step step_at(double *steps, ptrdiff_t H, ptrdiff_t s) {
    double *p = steps + s * FIELDS * H;
    return (step){p, p + H, p + 2 * H, p + 3 * H, p + 4 * H, p + 5 * H, p + 6 * H, p + 7 * H};
}

typedef struct {
    const dlgru_run *run;
    int is_double;
    reference_results *results;
} problem;

static double get(const problem *q, const dlgru_input *input, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k) {
    return reference_element(input, q->is_double, i, j, k);
}

static double bias(const problem *q, int block, ptrdiff_t j) {
    return block < q->run->biases ? get(q, &q->run->b, 0, block * q->run->H + j, 0) : 0;
}

static double input_sum(const problem *q, ptrdiff_t row, ptrdiff_t b, ptrdiff_t t) {
    double sum = 0;
    for (ptrdiff_t c = 0; c < q->run->C; c++)
        sum += get(q, &q->run->W, row, c, 0) * get(q, &q->run->x, c, b, t);
    return sum;
}

static void walk_forward(const problem *q, ptrdiff_t b, ptrdiff_t t, step s) {
    const dlgru_run *run = q->run;
    const ptrdiff_t H = run->H;
    double *y = q->results->y + (t * run->B + b) * H;
    for (ptrdiff_t j = 0; j < H; j++) {
        s.ar[j] = input_sum(q, j, b, t) + bias(q, 0, j) + bias(q, 3, j);
        s.az[j] = input_sum(q, H + j, b, t) + bias(q, 1, j) + bias(q, 4, j);
        s.an[j] = input_sum(q, 2 * H + j, b, t) + bias(q, 2, j);
        for (ptrdiff_t k = 0; k < H; k++) {
            s.ar[j] += get(q, &run->R, j, k, 0) * s.before[k];
            s.az[j] += get(q, &run->R, H + j, k, 0) * s.before[k];
        }
        s.r[j] = gate_of(run->gate, s.ar[j]);
        s.z[j] = gate_of(run->gate, s.az[j]);
    }
    for (ptrdiff_t j = 0; j < H; j++) {
        s.product[j] = bias(q, 5, j);
        for (ptrdiff_t k = 0; k < H; k++)
            s.product[j] += get(q, &run->R, 2 * H + j, k, 0) * s.before[k] * (run->before ? s.r[k] : 1);
        s.an[j] += s.product[j] * (run->before ? 1 : s.r[j]);
        s.n[j] = act_of(run->act, s.an[j]);
        y[j] = s.n[j] + s.z[j] * (s.before[j] - s.n[j]);
        if (run->act == 2) watch_corner(q->results, s.an[j]);
        if (run->gate == 1) {
            watch_corner(q->results, fabs(s.ar[j]) - 2.5);
            watch_corner(q->results, fabs(s.az[j]) - 2.5);
        }
    }
}

/* Takes dh, the gradient by the state after the step, and leaves that by the state before it. */
static void walk_back(const problem *q, ptrdiff_t b, ptrdiff_t t, step s, double *dh) {
    const dlgru_run *run = q->run;
    const ptrdiff_t H = run->H;
    double *da = zeros(3 * H), *dp = zeros(H), *dbefore = zeros(H);
    for (ptrdiff_t j = 0; j < H; j++) {
        da[2 * H + j] = dh[j] * (1 - s.z[j]) * act_slope(run->act, s.an[j], s.n[j]);
        da[H + j] = dh[j] * (s.before[j] - s.n[j]) * gate_slope(run->gate, s.az[j], s.z[j]);
        dp[j] = da[2 * H + j] * (run->before ? 1 : s.r[j]);
        dbefore[j] = dh[j] * s.z[j];
    }
    for (ptrdiff_t k = 0; k < H; k++) {
        double through = 0; /* by what R_n multiplied: h, or r∘h */
        for (ptrdiff_t j = 0; j < H; j++) through += get(q, &run->R, 2 * H + j, k, 0) * dp[j];
        const double dr = run->before ? through * s.before[k] : da[2 * H + k] * s.product[k];
        dbefore[k] += through * (run->before ? s.r[k] : 1);
        da[k] = dr * gate_slope(run->gate, s.ar[k], s.r[k]);
    }
    reference_results *out = q->results;
    for (ptrdiff_t k = 0; k < H; k++)
        for (ptrdiff_t j = 0; j < H; j++) {
            dbefore[k] += get(q, &run->R, j, k, 0) * da[j] + get(q, &run->R, H + j, k, 0) * da[H + j];
            out->dR[k * 3 * H + j] += da[j] * s.before[k];
            out->dR[k * 3 * H + H + j] += da[H + j] * s.before[k];
            out->dR[k * 3 * H + 2 * H + j] += dp[j] * s.before[k] * (run->before ? s.r[k] : 1);
        }
    for (ptrdiff_t c = 0; c < run->C; c++)
        for (ptrdiff_t i = 0; i < 3 * H; i++) {
            out->dx[(t * run->B + b) * run->C + c] += get(q, &run->W, i, c, 0) * da[i];
            out->dW[c * 3 * H + i] += da[i] * get(q, &run->x, c, b, t);
        }
    for (ptrdiff_t i = 0; i < 3 * H && run->biases; i++) {
        out->db[i] += da[i];
        if (run->biases == 6) out->db[3 * H + i] += i < 2 * H ? da[i] : dp[i - 2 * H];
    }
    for (ptrdiff_t k = 0; k < H; k++) dh[k] = dbefore[k];
    free(da), free(dp), free(dbefore);
}

static void observe(const problem *q, ptrdiff_t b) {
    const dlgru_run *run = q->run;
    const ptrdiff_t H = run->H, length = run->lengths ? run->lengths[b] : run->T;
    double *steps = zeros(length * FIELDS * H), *state = q->results->last + b * H;
    double *dh = q->results->dh0 + b * H;
    for (ptrdiff_t j = 0; j < H; j++) state[j] = get(q, &run->h0, j, b, 0);
    for (ptrdiff_t i = 0; i < length; i++) {
        const ptrdiff_t t = run->downward ? length - 1 - i : i;
        step s = step_at(steps, H, i);
        for (ptrdiff_t j = 0; j < H; j++) s.before[j] = state[j];
        walk_forward(q, b, t, s);
        for (ptrdiff_t j = 0; j < H; j++) state[j] = q->results->y[(t * run->B + b) * H + j];
    }
    for (ptrdiff_t j = 0; j < H; j++) dh[j] = run->dlast.data ? get(q, &run->dlast, j, b, 0) : 0;
    for (ptrdiff_t i = length - 1; i >= 0; i--) {
        const ptrdiff_t t = run->downward ? length - 1 - i : i;
        for (ptrdiff_t j = 0; j < H && run->dy.data; j++) dh[j] += get(q, &run->dy, j, b, t);
        walk_back(q, b, t, step_at(steps, H, i), dh);
    }
    free(steps);
}

void reference(const dlgru_run *run, int is_double, reference_results *results) {
    const ptrdiff_t T = run->T, B = run->B, C = run->C, H = run->H;
    *results = (reference_results){zeros(H * B * T), zeros(H * B),     zeros(C * B * T),       zeros(H * B),
                                   zeros(3 * H * C), zeros(3 * H * H), zeros(run->biases * H), 1};
    const problem q = {run, is_double, results};
    for (ptrdiff_t b = 0; b < B; b++) observe(&q, b);
}

void reference_free(reference_results *results) {
    free(results->y), free(results->last), free(results->dx), free(results->dh0);
    free(results->dW), free(results->dR), free(results->db);
}
