"""ONNX Runtime: a model of one GRU node, weights as constants, inference only."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from peers.problem import STEPS, NotOfferedError, Problem, Task, arrays_of

VERSION = onnxruntime.__version__
_threads = 1


def prepare(threads: int, folder: str) -> None:
    """Remember the number of threads for the sessions."""
    global _threads
    _threads = threads


def make(problem: Problem) -> Task:
    """Return the task of a problem."""
    if np.dtype(problem.dtype) != np.float32:
        raise NotOfferedError("double precision")
    if problem.what in ("inference", "call"):
        session = _session(problem, carried=False)
        feed = {"X": arrays_of(problem).X}
        return Task(lambda: session.run(None, feed), lambda out: [out[0][:, 0]])
    if problem.what == "streaming":
        return _streaming(problem)
    raise NotOfferedError(problem.what)


def _streaming(problem: Problem) -> Task:
    _, B, C, H = problem.shape
    session = _session(problem, carried=True)
    X = arrays_of(problem._replace(shape=(STEPS, B, C, H))).X
    start = np.zeros((1, B, H), problem.dtype)

    def call() -> Any:
        h = start
        for x in X:
            _, h = session.run(None, {"X": x[None], "h": h})
        return h

    return Task(call, lambda h: [h[0]])


def _session(problem: Problem, carried: bool) -> Any:
    T, B, C, H = problem.shape
    a = arrays_of(problem)
    # ONNX stacks the gates in the order z, r, n, a block row of weights for each.
    zrn = np.r_[H : 2 * H, :H, 2 * H : 3 * H]
    constants = {
        "W": np.ascontiguousarray(a.W.T[zrn])[None],
        "R": np.ascontiguousarray(a.R.T[zrn])[None],
        "b": np.concatenate([a.b_input[zrn], a.b_recurrent[zrn]])[None],
    }
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(problem.dtype))
    inputs = [helper.make_tensor_value_info("X", kind, [T, B, C])]
    outputs = [helper.make_tensor_value_info("Y", kind, [T, 1, B, H])]
    names = ["X", "W", "R", "b"]
    if carried:
        names += ["", "h"]
        inputs.append(helper.make_tensor_value_info("h", kind, [1, B, H]))
        outputs.append(helper.make_tensor_value_info("last", kind, [1, B, H]))
    node = helper.make_node(
        "GRU", names, [o.name for o in outputs], hidden_size=H, linear_before_reset=1
    )
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "gru", inputs, outputs, initial)
    # Versions of the operator set and the file format that every ONNX Runtime of today reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
