"""PyTorch's ``nn.GRU``, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from peers.problem import STEPS, NotOfferedError, Problem, Task, arrays_of

VERSION = torch.__version__


def prepare(threads: int, folder: str) -> None:
    """Fix the number of threads."""
    torch.set_num_threads(threads)


def make(problem: Problem) -> Task:
    """Return the task of a problem."""
    if problem.what == "vowels":
        from peers.torch_vowels import training

        return training()
    tasks = {
        "inference": _inference,
        "call": _inference,
        "training": _training,
        "streaming": _streaming,
    }
    if problem.what not in tasks:
        raise NotOfferedError(problem.what)
    a = arrays_of(problem)
    C, H = problem.shape[2:]
    net = torch.nn.GRU(C, H).to(torch.from_numpy(a.X).dtype)
    with torch.no_grad():
        for parameter, value in zip(
            net.parameters(), (a.W.T, a.R.T, a.b_input, a.b_recurrent), strict=True
        ):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return tasks[problem.what](net, problem)


def _inference(net: Any, problem: Problem) -> Task:
    x = torch.from_numpy(arrays_of(problem).X)
    net.eval()

    def call() -> Any:
        with torch.inference_mode():
            return net(x)[0]

    return Task(call, lambda y: [y.numpy()])


def _training(net: Any, problem: Problem) -> Task:
    x = torch.from_numpy(arrays_of(problem).X).requires_grad_()

    def call() -> Any:
        x.grad = None
        net.zero_grad(set_to_none=True)
        y, _ = net(x)
        y.sum().backward()
        return y

    def arrays(y: Any) -> list[Any]:
        dW, dR, dbW, dbR = [p.grad.numpy() for p in net.parameters()]
        return [y.detach().numpy(), x.grad.numpy(), dW.T, dR.T, dbW, dbR]

    return Task(call, arrays)


def _streaming(net: Any, problem: Problem) -> Task:
    _, B, C, H = problem.shape
    X = arrays_of(problem._replace(shape=(STEPS, B, C, H))).X
    steps = [torch.from_numpy(x[None]) for x in X]
    start = torch.zeros(1, B, H, dtype=steps[0].dtype)
    net.eval()

    def call() -> Any:
        h = start
        with torch.inference_mode():
            for x in steps:
                _, h = net(x, h)
        return h

    return Task(call, lambda h: [h[0].numpy()])
