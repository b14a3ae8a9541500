/* NumPy's arrays as arguments and results.  To be included after NumPy's header, once. */
#ifndef DLGRU_ARRAYS_H
#define DLGRU_ARRAYS_H

#include "memory.h"
#include "run.h"

enum { ANY = -1, MOST_ARRAYS = 10 };

/* The arrays of a call, and copies of those whose strides the kernels do not walk. */
typedef struct {
    int type, count;
    PyObject *held[MOST_ARRAYS];
} arrays;

static void let_go(arrays *a) {
    while (a->count) Py_DECREF(a->held[--a->count]);
}

static int walkable(PyArrayObject *array) {
    const npy_intp size = PyArray_ITEMSIZE(array), *strides = PyArray_STRIDES(array);
    const int dimensions = PyArray_NDIM(array);
    if (!PyArray_ISALIGNED(array) || !PyArray_ISNOTSWAPPED(array)) return 0;
    for (int k = 0; k < dimensions; k++) {
        if (PyArray_DIM(array, k) < 2) continue;
        if (strides[k] % size || (k == 0 && dimensions > 1 && strides[k] != size)) return 0;
    }
    return 1;
}

/* Reads an argument; ANY size is accepted where `sizes` says so.  Returns -1 with an error. */
static int take(arrays *a, const char *name, PyObject *given, int dimensions, const npy_intp *sizes,
                dlgru_input *to) {
    if (!PyArray_Check(given)) {
        PyErr_Format(PyExc_TypeError, "%s is not an array", name);
        return -1;
    }
    PyArrayObject *array = (PyArrayObject *)given;
    if (PyArray_TYPE(array) != a->type || !PyArray_ISNOTSWAPPED(array)) {
        PyErr_Format(PyExc_TypeError, "%s has another class", name);
        return -1;
    }
    int fits = PyArray_NDIM(array) == dimensions;
    for (int k = 0; fits && k < dimensions; k++)
        fits = sizes[k] == ANY || sizes[k] == PyArray_DIM(array, k);
    if (!fits) {
        PyErr_Format(PyExc_ValueError, "%s has another size", name);
        return -1;
    }
    if (walkable(array)) {
        Py_INCREF(given);
    } else {
        given = PyArray_NewCopy(array, NPY_FORTRANORDER);
        if (!given) return -1;
        array = (PyArrayObject *)given;
    }
    a->held[a->count++] = given;
    const npy_intp size = PyArray_ITEMSIZE(array), *strides = PyArray_STRIDES(array);
    to->data = PyArray_DATA(array);
    to->next = dimensions == 1 ? strides[0] / size : strides[1] / size;
    to->far = dimensions == 3 ? strides[2] / size : 0;
    return 0;
}

/* The values of an array that has the class, the size and the order of another; NULL with an error. */
static const void *values_like(PyArrayObject *like, const char *name, PyObject *given) {
    PyArrayObject *array = (PyArrayObject *)given;
    if (!PyArray_Check(given) || PyArray_TYPE(array) != PyArray_TYPE(like) || !PyArray_ISNOTSWAPPED(array))
        PyErr_Format(PyExc_TypeError, "%s has another class", name);
    else if (!PyArray_SAMESHAPE(array, like))
        PyErr_Format(PyExc_ValueError, "%s has another size", name);
    else if (!PyArray_IS_F_CONTIGUOUS(array) || !PyArray_ISALIGNED(array))
        PyErr_Format(PyExc_ValueError, "%s is not column-major", name);
    else
        return PyArray_DATA(array);
    return NULL;
}

/* A new array in column-major order, and where its values go. */
static PyObject *new_array(arrays *a, int dimensions, npy_intp n0, npy_intp n1, npy_intp n2, void **values) {
    const npy_intp sizes[3] = {n0, n1, n2};
    PyObject *array = PyArray_EMPTY(dimensions, sizes, a->type, 1);
    if (array) *values = PyArray_DATA((PyArrayObject *)array);
    return array;
}

static void give_back(PyObject *capsule) {
    dlgru_memory_give_back(PyCapsule_GetPointer(capsule, NULL));
}

/* A new array of one dimension, which nobody but the engine sees.  A large one, from 16 MiB, lies in
   memory that is kept for the next call: the page faults of a fresh reserve took as long as a third of
   a training step at H = 512. */
static PyObject *new_reserve(arrays *a, npy_intp count, void **values) {
    const size_t bytes = (size_t)count * (a->type == NPY_DOUBLE ? 8 : 4);
    if (bytes < (size_t)16 << 20) return new_array(a, 1, count, 0, 0, values);
    void *memory = dlgru_memory_take(bytes);
    if (!memory) return PyErr_NoMemory();
    PyObject *capsule = PyCapsule_New(memory, NULL, give_back);
    if (!capsule) {
        dlgru_memory_give_back(memory);
        return NULL;
    }
    PyObject *array = PyArray_SimpleNewFromData(1, &count, a->type, memory);
    if (!array) {
        Py_DECREF(capsule);
        return NULL;
    }
    if (PyArray_SetBaseObject((PyArrayObject *)array, capsule) < 0) { /* takes the capsule */
        Py_DECREF(array);
        return NULL;
    }
    *values = memory;
    return array;
}

#endif
