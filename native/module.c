/* dlgru._native: the binding.  Arrays come as NumPy's, results are made here.

   The engine in Python has checked sizes and classes; here they are checked once more, cheaply,
   because a wrong size would be read or written past an array's end. */
#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>

#include <string.h>

#include "arrays.h"
#include "instruction_set.h"
#include "kept.h"
#include "memory.h"
#include "run.h"

/* Below this many multiplications and additions other threads may as well wait: letting go of
   the interpreter's lock and taking it again costs a tenth of a microsecond, or a thread switch. */
static const double WORTH_RELEASING = 2e4;

/* -- what is common to both directions ------------------------------------------------------ */

/* The options of a run in one number; dlgru/kernels/native.py puts it together. */
enum { BEFORE = 1, DOWNWARD = 2, GATE = 4, ACT = 8, SAVE = 32 };

/* W, R and b for a run whose C and H are known. */
static int take_weights(arrays *a, dlgru_run *run, PyObject *W, PyObject *R, PyObject *b) {
    const npy_intp H = run->H, C = run->C;
    if (take(a, "W", W, 2, (npy_intp[]){3 * H, C}, &run->W) < 0 || take(a, "R", R, 2, (npy_intp[]){3 * H, H}, &run->R) < 0)
        return -1;
    if (b == Py_None) return 0;
    if (take(a, "b", b, 1, (npy_intp[]){ANY}, &run->b) < 0) return -1;
    const npy_intp size = PyArray_DIM((PyArrayObject *)b, 0);
    run->biases = size == 6 * H ? 6 : 3;
    if (size != 3 * H && (size != 6 * H || run->before)) {
        PyErr_SetString(PyExc_ValueError, "b has another size");
        return -1;
    }
    return 0;
}

static void take_options(dlgru_run *run, long mode) {
    run->before = (mode & BEFORE) != 0;
    run->downward = (mode & DOWNWARD) != 0;
    run->gate = (mode & GATE) != 0;
    run->act = (int)(mode / ACT % 4);
}

static int take_run(arrays *a, dlgru_run *run, PyObject *const *args, long mode, int *is_double) {
    if (!PyArray_Check(args[0]) || !PyArray_Check(args[3]) || PyArray_NDIM((PyArrayObject *)args[0]) != 3 ||
        PyArray_NDIM((PyArrayObject *)args[3]) != 2) {
        PyErr_SetString(PyExc_TypeError, "x and R are not arrays of three and of two dimensions");
        return -1;
    }
    a->count = 0;
    a->type = PyArray_TYPE((PyArrayObject *)args[0]);
    if (a->type != NPY_FLOAT && a->type != NPY_DOUBLE) {
        PyErr_SetString(PyExc_TypeError, "x is neither single nor double");
        return -1;
    }
    *is_double = a->type == NPY_DOUBLE;
    const npy_intp *sizes = PyArray_DIMS((PyArrayObject *)args[0]);
    const npy_intp C = sizes[0], B = sizes[1], T = sizes[2];
    const npy_intp H = PyArray_DIM((PyArrayObject *)args[3], 1);
    memset(run, 0, sizeof *run);
    run->T = T, run->B = B, run->C = C, run->H = H;
    take_options(run, mode);
    if (T < 1 || B < 1 || C < 1 || H < 1 || run->act > 2) {
        PyErr_SetString(PyExc_ValueError, "a size is zero, or there is no such activation");
        return -1;
    }
    if (take(a, "x", args[0], 3, sizes, &run->x) < 0 ||
        take(a, "the state", args[1], 2, (npy_intp[]){H, B}, &run->h0) < 0 ||
        take_weights(a, run, args[2], args[3], args[4]) < 0)
        return -1;
    if (args[5] != Py_None) {
        PyArrayObject *lengths = (PyArrayObject *)args[5];
        if (!PyArray_Check(args[5]) || PyArray_TYPE(lengths) != NPY_INTP || PyArray_NDIM(lengths) != 1 ||
            PyArray_DIM(lengths, 0) != B || !PyArray_IS_C_CONTIGUOUS(lengths) || !PyArray_ISALIGNED(lengths)) {
            PyErr_SetString(PyExc_ValueError, "lengths are not B integers");
            return -1;
        }
        run->lengths = PyArray_DATA(lengths);
        for (npy_intp b = 0; b < B; b++)
            if (run->lengths[b] < 0 || run->lengths[b] > T) {
                PyErr_SetString(PyExc_ValueError, "a length is not one from 0 to T");
                return -1;
            }
    }
    return 0;
}

/* Real work is done without the GIL; giving it up costs more than a small call. */
static int compute(int (*direction)(dlgru_run *, int, int), dlgru_run *run, int is_double, int set) {
    const double work = 6.0 * (double)run->T * (double)run->B * (double)run->H * (double)(run->C + run->H);
    int failed;
    if (work < WORTH_RELEASING) {
        failed = direction(run, is_double, set);
    } else {
        Py_BEGIN_ALLOW_THREADS
        failed = direction(run, is_double, set);
        Py_END_ALLOW_THREADS
    }
    if (failed) PyErr_NoMemory();
    return failed;
}

/* -- forward -------------------------------------------------------------------------------- */

PyDoc_STRVAR(forward_doc,
             "forward(x, h0, W, R, b, lengths, mode, kept) -> (y, last, gates or None, instruction set);\n"
             "`kept` is None, or what keep(W, R, b, …) gave");

static PyObject *forward(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 8) return PyErr_Format(PyExc_TypeError, "forward takes 8 arguments");
    const long mode = PyLong_AsLong(args[6]);
    if (mode == -1 && PyErr_Occurred()) return NULL;
    arrays a = {0};
    dlgru_run run;
    int is_double;
    PyObject *y = NULL, *last = NULL, *gates = NULL, *answer = NULL;
    const int set = dlgru_instruction_set();
    if (take_run(&a, &run, args, mode, &is_double) < 0 || take_kept(&run, args[7], is_double, set) < 0) goto done;
    const npy_intp T = run.T, B = run.B, H = run.H;
    y = new_array(&a, 3, H, B, T, &run.y);
    last = y ? new_array(&a, 2, H, B, 0, &run.last) : NULL;
    if (!last) goto done;
    if (mode & SAVE) {
        gates = new_reserve(&a, T * B * H * (run.before ? 3 : 4), &run.gates);
        if (!gates) goto done;
    }
    if (compute(dlgru_forward, &run, is_double, set)) goto done;
    answer = Py_BuildValue("(OOOi)", y, last, gates ? gates : Py_None, set);
done:
    Py_XDECREF(y);
    Py_XDECREF(last);
    Py_XDECREF(gates);
    let_go(&a);
    return answer;
}

PyDoc_STRVAR(keep_doc, "keep(W, R, b, mode, alone) -> weights packed for calls with one observation, or several");

static PyObject *keep(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 5 || !PyArray_Check(args[0]) || PyArray_NDIM((PyArrayObject *)args[0]) != 2 || !PyArray_Check(args[1]) ||
        PyArray_NDIM((PyArrayObject *)args[1]) != 2)
        return PyErr_Format(PyExc_TypeError, "keep takes 2 matrices, a bias or None, and 2 numbers");
    const long mode = PyLong_AsLong(args[3]), alone = PyLong_AsLong(args[4]);
    if (PyErr_Occurred()) return NULL;
    arrays a = {.type = PyArray_TYPE((PyArrayObject *)args[0])};
    dlgru_run run = {.B = alone ? 1 : 2, .before = (mode & BEFORE) != 0};
    run.C = PyArray_DIM((PyArrayObject *)args[0], 1), run.H = PyArray_DIM((PyArrayObject *)args[1], 1);
    PyObject *kept = NULL;
    if ((a.type != NPY_FLOAT && a.type != NPY_DOUBLE) || run.C < 1 || run.H < 1)
        PyErr_SetString(PyExc_ValueError, "a size is zero, or W is neither single nor double");
    else if (take_weights(&a, &run, args[0], args[1], args[2]) == 0)
        kept = keep_weights(&run, a.type == NPY_DOUBLE, dlgru_instruction_set());
    let_go(&a);
    return kept;
}

PyDoc_STRVAR(quick_doc,
             "quick(mode, x, h0, W, R, b, kept) -> (y, last), or None for arrays of another kind or size.\n"
             "h0 may have one column for all observations.  Where T = B = 1, x may be [C,1], and y is alike.");

static int plainest(PyObject *given, int dimensions, int type) {
    return Py_TYPE(given) == &PyArray_Type && PyArray_NDIM((PyArrayObject *)given) == dimensions &&
           PyArray_TYPE((PyArrayObject *)given) == type && walkable((PyArrayObject *)given);
}

static dlgru_input input_of(PyObject *given) {
    PyArrayObject *array = (PyArrayObject *)given;
    const npy_intp *strides = PyArray_STRIDES(array), size = PyArray_ITEMSIZE(array);
    const int dimensions = PyArray_NDIM(array);
    return (dlgru_input){PyArray_DATA(array), strides[dimensions == 1 ? 0 : 1] / size, dimensions == 3 ? strides[2] / size : 0};
}

static PyObject *quick(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 7) return PyErr_Format(PyExc_TypeError, "quick takes 7 arguments");
    const long mode = PyLong_AsLong(args[0]);
    if (mode == -1 && PyErr_Occurred()) return NULL;
    PyObject *const *given = args + 1;
    if (Py_TYPE(given[0]) != &PyArray_Type) Py_RETURN_NONE;
    arrays a = {.type = PyArray_TYPE((PyArrayObject *)given[0])};
    const int dimensions = PyArray_NDIM((PyArrayObject *)given[0]);
    if ((a.type != NPY_FLOAT && a.type != NPY_DOUBLE) || dimensions < 2 || dimensions > 3 ||
        !plainest(given[0], dimensions, a.type) || !plainest(given[1], 2, a.type) || !plainest(given[2], 2, a.type) ||
        !plainest(given[3], 2, a.type) || !plainest(given[4], 1, a.type))
        Py_RETURN_NONE;
    const npy_intp *x = PyArray_DIMS((PyArrayObject *)given[0]), *h = PyArray_DIMS((PyArrayObject *)given[1]);
    const npy_intp *W = PyArray_DIMS((PyArrayObject *)given[2]), *R = PyArray_DIMS((PyArrayObject *)given[3]);
    const npy_intp C = x[0], H = h[0], B = x[1], T = dimensions == 3 ? x[2] : 1;
    const npy_intp biases = PyArray_DIM((PyArrayObject *)given[4], 0);
    if (C < 1 || H < 1 || B < 1 || T < 1 || (h[1] != B && h[1] != 1) || (dimensions == 2 && B != 1) || W[0] != 3 * H || W[1] != C ||
        R[0] != 3 * H || R[1] != H || (biases != 3 * H && (biases != 6 * H || mode & BEFORE)) || mode & SAVE ||
        mode / ACT % 4 > 2)
        Py_RETURN_NONE;
    dlgru_run run = {.T = T, .B = B, .C = C, .H = H, .biases = (int)(biases / H)};
    take_options(&run, mode);
    run.x = input_of(given[0]), run.h0 = input_of(given[1]), run.W = input_of(given[2]);
    run.R = input_of(given[3]), run.b = input_of(given[4]);
    if (h[1] == 1) run.h0.next = 0; /* one state for all observations */
    const int is_double = a.type == NPY_DOUBLE, set = dlgru_instruction_set();
    if (take_kept(&run, given[5], is_double, set) < 0) return NULL;
    PyObject *y = new_array(&a, dimensions, H, B, T, &run.y), *last = y ? new_array(&a, 2, H, B, 0, &run.last) : NULL;
    PyObject *answer = last ? PyTuple_New(2) : NULL;
    if (!answer || compute(dlgru_forward, &run, is_double, set)) {
        Py_XDECREF(y);
        Py_XDECREF(last);
        Py_XDECREF(answer);
        return NULL;
    }
    PyTuple_SetItem(answer, 0, y);
    PyTuple_SetItem(answer, 1, last);
    return answer;
}

/* -- backward ------------------------------------------------------------------------------- */

PyDoc_STRVAR(backward_doc,
             "backward(x, h0, W, R, b, lengths, mode, y, gates, dy, dlast, needs, instruction set)\n"
             "-> (dx, dh0, dW, dR, db), None where the bit of `needs` is not set");

static PyObject *backward(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 13) return PyErr_Format(PyExc_TypeError, "backward takes 13 arguments");
    const long mode = PyLong_AsLong(args[6]), needs = PyLong_AsLong(args[11]), set = PyLong_AsLong(args[12]);
    if (PyErr_Occurred()) return NULL;
    arrays a = {0};
    dlgru_run run;
    int is_double;
    PyObject *results[5] = {NULL}, *answer = NULL;
    if (take_run(&a, &run, args, mode, &is_double) < 0) goto done;
    const npy_intp T = run.T, B = run.B, C = run.C, H = run.H;
    if (!dlgru_kernel_for(is_double, (int)set)) {
        PyErr_SetString(PyExc_ValueError, "there is no such instruction set");
        goto done;
    }
    dlgru_input y, gates;
    if (take(&a, "y", args[7], 3, (npy_intp[]){H, B, T}, &y) < 0) goto done;
    run.y = (void *)y.data;
    if (args[8] != Py_None) {
        if (take(&a, "gates", args[8], 1, (npy_intp[]){T * B * H * (run.before ? 3 : 4)}, &gates) < 0) goto done;
        run.gates = (void *)gates.data;
    }
    if (!PyArray_IS_F_CONTIGUOUS((PyArrayObject *)args[7]) ||
        (run.gates && !PyArray_IS_F_CONTIGUOUS((PyArrayObject *)args[8]))) {
        PyErr_SetString(PyExc_ValueError, "y or gates are not as forward made them");
        goto done;
    }
    if (args[9] != Py_None && take(&a, "dy", args[9], 3, (npy_intp[]){H, B, T}, &run.dy) < 0) goto done;
    if (args[10] != Py_None && take(&a, "dlast", args[10], 2, (npy_intp[]){H, B}, &run.dlast) < 0) goto done;
    if ((needs & 1) && !(results[0] = new_array(&a, 3, C, B, T, &run.dx))) goto done;
    if ((needs & 2) && !(results[1] = new_array(&a, 2, H, B, 0, &run.dh0))) goto done;
    if ((needs & 4) && !(results[2] = new_array(&a, 2, 3 * H, C, 0, &run.dW))) goto done;
    if ((needs & 8) && !(results[3] = new_array(&a, 2, 3 * H, H, 0, &run.dR))) goto done;
    if ((needs & 16) && run.biases && !(results[4] = new_array(&a, 1, run.biases * H, 0, 0, &run.db))) goto done;
    if (compute(dlgru_backward, &run, is_double, (int)set)) goto done;
    answer = PyTuple_New(5);
    for (int k = 0; answer && k < 5; k++) {
        PyObject *result = results[k] ? results[k] : Py_None;
        Py_INCREF(result);
        PyTuple_SetItem(answer, k, result);
    }
done:
    for (int k = 0; k < 5; k++) Py_XDECREF(results[k]);
    let_go(&a);
    return answer;
}

/* -- updates --------------------------------------------------------------------------------- */

static const char adam_doc[] =
    "adam(p, g, m, v, step, beta1, beta2, epsilon) -> (p, m, v): column-major arrays of one size and class";

static PyObject *adam(PyObject *module, PyObject *const *args, Py_ssize_t given) {
    (void)module;
    if (given != 8 || !PyArray_Check(args[0])) return PyErr_Format(PyExc_TypeError, "adam takes 4 arrays and 4 numbers");
    PyArrayObject *p = (PyArrayObject *)args[0];
    const int type = PyArray_TYPE(p);
    if (type != NPY_FLOAT && type != NPY_DOUBLE) return PyErr_Format(PyExc_TypeError, "p is neither single nor double");
    static const char *const names[] = {"p", "g", "m", "v"};
    const void *in[4];
    double number[4];
    PyObject *out[3] = {NULL}, *answer = NULL;
    for (int k = 0; k < 4; k++) {
        if (!(in[k] = values_like(p, names[k], args[k]))) return NULL;
        number[k] = PyFloat_AsDouble(args[4 + k]);
        if (number[k] == -1 && PyErr_Occurred()) return NULL;
    }
    for (int k = 0; k < 3; k++)
        if (!(out[k] = PyArray_EMPTY(PyArray_NDIM(p), PyArray_DIMS(p), type, 1))) goto done;
    const npy_intp count = PyArray_SIZE(p);
    const dlgru_adam update = {
        .count = count, .p = in[0], .g = in[1], .m = in[2], .v = in[3],
        .new_p = PyArray_DATA((PyArrayObject *)out[0]), .new_m = PyArray_DATA((PyArrayObject *)out[1]),
        .new_v = PyArray_DATA((PyArrayObject *)out[2]),
        .step = number[0], .beta1 = number[1], .beta2 = number[2], .epsilon = number[3]};
    const dlgru_kernel *kernel = dlgru_kernel_for(type == NPY_DOUBLE, dlgru_instruction_set());
    if (8.0 * (double)count > WORTH_RELEASING) {
        Py_BEGIN_ALLOW_THREADS kernel->adam(&update);
        Py_END_ALLOW_THREADS
    } else {
        kernel->adam(&update);
    }
    answer = PyTuple_Pack(3, out[0], out[1], out[2]);
done:
    for (int k = 0; k < 3; k++) Py_XDECREF(out[k]);
    return answer;
}

/* -- settings, and what tests ask --------------------------------------------------------------- */

static PyObject *thread_limit(PyObject *module, PyObject *number) {
    (void)module;
    const long threads = PyLong_AsLong(number);
    if (threads == -1 && PyErr_Occurred()) return NULL;
    dlgru_team_limit(threads < 0 ? 0 : threads > DLGRU_MAX_PARTS ? DLGRU_MAX_PARTS : (int)threads);
    Py_RETURN_NONE;
}

static PyObject *threads(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    return PyLong_FromLong(dlgru_team_size());
}

static PyObject *instruction_set(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    return PyLong_FromLong(dlgru_instruction_set());
}

static PyObject *use_instruction_set(PyObject *module, PyObject *number) {
    (void)module;
    const long set = PyLong_AsLong(number);
    if (set == -1 && PyErr_Occurred()) return NULL;
    return PyLong_FromLong(dlgru_instruction_set_use(set < 0 ? 0 : set > 2 ? 2 : (int)set));
}

static PyObject *memory_limit(PyObject *module, PyObject *number) {
    (void)module;
    const size_t bytes = PyLong_AsSize_t(number);
    if (bytes == (size_t)-1 && PyErr_Occurred()) return NULL;
    dlgru_memory_limit(bytes);
    Py_RETURN_NONE;
}

static PyObject *curves(PyObject *module, PyObject *given) {
    (void)module;
    if (!PyArray_Check(given)) return PyErr_Format(PyExc_TypeError, "not an array");
    arrays a = {.type = PyArray_TYPE((PyArrayObject *)given)};
    if ((a.type != NPY_FLOAT && a.type != NPY_DOUBLE) || !PyArray_ISCARRAY_RO((PyArrayObject *)given))
        return PyErr_Format(PyExc_TypeError, "not a contiguous array of singles or doubles");
    const npy_intp n = PyArray_SIZE((PyArrayObject *)given);
    void *s, *t;
    PyObject *sigmoid = new_array(&a, 1, n, 0, 0, &s), *tangent = sigmoid ? new_array(&a, 1, n, 0, 0, &t) : NULL;
    if (!tangent) {
        Py_XDECREF(sigmoid);
        return NULL;
    }
    dlgru_kernel_for(a.type == NPY_DOUBLE, dlgru_instruction_set())->curves(n, PyArray_DATA((PyArrayObject *)given), s, t);
    return Py_BuildValue("(NN)", sigmoid, tangent);
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))
static PyMethodDef methods[] = {
    {"forward", FAST(forward), METH_FASTCALL, forward_doc},
    {"backward", FAST(backward), METH_FASTCALL, backward_doc},
    {"keep", FAST(keep), METH_FASTCALL, keep_doc},
    {"quick", FAST(quick), METH_FASTCALL, quick_doc},
    {"adam", FAST(adam), METH_FASTCALL, adam_doc},
    {"threads", threads, METH_NOARGS, "threads() -> how many a call may use now"},
    {"thread_limit", thread_limit, METH_O, "thread_limit(n): at most n threads; 0 takes the limit away"},
    {"instruction_set", instruction_set, METH_NOARGS, "instruction_set() -> 0 baseline, 1 AVX2, 2 AVX-512"},
    {"use_instruction_set", use_instruction_set, METH_O, "use_instruction_set(n) -> the one that is used, at most n"},
    {"memory_limit", memory_limit, METH_O, "memory_limit(n): requests above n bytes fail; for tests"},
    {"curves", curves, METH_O, "curves(x) -> (sigmoid, tanh) of the kernels; for tests"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "dlgru._native", "The compiled engine.", -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    import_array();
    return PyModule_Create(&definition);
}
