/* Packed weights that a caller keeps for the next calls with the same weights.  To be included after
   arrays.h, once. */
#ifndef DLGRU_KEPT_H
#define DLGRU_KEPT_H

#include "arrays.h"

static const char KEPT[] = "dlgru packed weights";

/* What the order of packed weights depends on, and where they lie. */
typedef struct {
    int is_double, set, before, alone, biases;
    ptrdiff_t C, H;
    void *memory;
} kept_weights;

static kept_weights kept_of(const dlgru_run *run, int is_double, int set) {
    return (kept_weights){is_double, set, run->before, run->B == 1, run->biases, run->C, run->H, NULL};
}

static void free_kept(PyObject *capsule) {
    kept_weights *kept = PyCapsule_GetPointer(capsule, KEPT);
    dlgru_memory_give_back(kept->memory);
    PyMem_Free(kept);
}

/* Packs the weights of a run; a capsule, or NULL with an error. */
static PyObject *keep_weights(dlgru_run *run, int is_double, int set) {
    kept_weights *kept = PyMem_Malloc(sizeof *kept);
    if (!kept) return PyErr_NoMemory();
    *kept = kept_of(run, is_double, set);
    Py_BEGIN_ALLOW_THREADS kept->memory = dlgru_pack(run, is_double, set);
    Py_END_ALLOW_THREADS
    PyObject *capsule = kept->memory ? PyCapsule_New(kept, KEPT, free_kept) : PyErr_NoMemory();
    if (!capsule) {
        dlgru_memory_give_back(kept->memory);
        PyMem_Free(kept);
    }
    return capsule;
}

/* Lets a run use what was packed before.  Weights that were packed for another kind of run are left
   alone: this run packs its own.  Returns -1 with an error for what is no such capsule. */
static int take_kept(dlgru_run *run, PyObject *given, int is_double, int set) {
    if (given == Py_None) return 0;
    const kept_weights *kept = PyCapsule_GetPointer(given, KEPT);
    if (!kept) return -1;
    const kept_weights asked = kept_of(run, is_double, set);
    if (kept->is_double == asked.is_double && kept->set == asked.set && kept->before == asked.before &&
        kept->alone == asked.alone && kept->biases == asked.biases && kept->C == asked.C && kept->H == asked.H)
        run->kept = kept->memory;
    return 0;
}

#endif
