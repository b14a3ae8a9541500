"""A training run of MATLAB itself, done again: the same data and start, the same end.

MATLAB R2021b trained sequence input, causal convolution over time (10 steps, 100 filters),
tanh, a fully connected layer, softmax and a classification loss for 50 epochs of one full
batch each, with Adam at 1e-3, L2 regularisation 1e-4 and a gradient threshold of 2 by
'l2norm'.  The file in the folder that DLGRU_VECTORS names holds the data, the weights it
started from and those it ended with.

Written here as a custom training loop, the run shows that the loss sums over time and is a
mean over observations, that regularisation comes before clipping and leaves biases alone,
that each array is clipped by its own norm, and where Adam puts epsilon.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlgru as dl

EPOCHS, THRESHOLD, L2 = 50, 2.0, 1e-4


def causal_convolution(X: Any, weights: Any, bias: Any) -> Any:
    """``Y[filters,B,T]`` of ``X[C,B,T]`` and ``weights[length,C,filters]``, by one product."""
    C, B, T = X.shape
    length, _, filters = weights.shape
    padded = dl.zeros(C, B, T + length - 1, like=X)
    padded.m[:, :, length : T + length - 1] = X
    taps = [dl.reshape(padded.m[:, :, k : k + T - 1], C, B * T) for k in range(1, length + 1)]
    # The taps stand below each other with the channels of each together, and so must the weights.
    matrix = dl.reshape(dl.permute(weights, [2, 1, 3]), C * length, filters)
    Y = matrix.T @ dl.vertcat(*taps) + dl.transpose(bias)
    return dl.dlarray(dl.reshape(Y, filters, B, T), "CBT")


def model_loss(parameters: Any, X: Any, targets: Any) -> Any:
    conv, fc = parameters.conv, parameters.fc
    Y = dl.tanh(causal_convolution(X, conv.Weights, conv.Bias))
    Y = dl.softmax(dl.fullyconnect(Y, fc.Weights, fc.Bias))
    loss = dl.crossentropy(Y, targets)
    return loss, dl.dlgradient(loss, parameters)


def regularised(gradients: Any, parameters: Any) -> Any:
    for layer in ("conv", "fc"):
        g, p = gradients[layer], parameters[layer]
        g.Weights = g.Weights + L2 * p.Weights
    return gradients


def clipped(g: Any) -> Any:
    norm = dl.sqrt(dl.sum(g**2, "all"))
    return g * (THRESHOLD / norm) if norm > THRESHOLD else g


@pytest.fixture
def run(vectors: Path) -> dict[str, Any]:
    with np.load(vectors / "matlab_conv1d_run.npz") as file:
        return {name: file[name] for name in file.files}


def one_hot_at_every_step(run: dict[str, Any]) -> Any:
    labels = run["label_1based"].astype(float)
    columns = dl.onehotencode(labels, 1, ClassNames=range(1, 8))
    return dl.dlarray(dl.repmat(columns, 1, 1, run["X"].shape[2]), "CBT")


def trained(run: dict[str, Any]) -> tuple[Any, list[float]]:
    parameters = dl.struct()
    parameters.conv.Weights = dl.dlarray(run["start_conv_Weights"])
    parameters.conv.Bias = dl.zeros(1, 100)
    parameters.fc.Weights = dl.dlarray(run["start_fc_Weights"])
    parameters.fc.Bias = dl.zeros(7, 1)
    X, targets = dl.dlarray(run["X"]), one_hot_at_every_step(run)
    average: Any = []
    squares: Any = []
    losses = []
    for iteration in range(1, EPOCHS + 1):
        loss, gradients = dl.dlfeval(model_loss, parameters, X, targets)
        gradients = dl.dlupdate(clipped, regularised(gradients, parameters))
        parameters, average, squares = dl.adamupdate(
            parameters, gradients, average, squares, iteration
        )
        losses.append(float(loss))
    return parameters, losses


def test_training_ends_at_matlabs_weights(run: dict[str, Any]) -> None:
    parameters, losses = trained(run)
    assert losses[-1] < losses[0] / 2
    for layer, name in [("conv", "Weights"), ("conv", "Bias"), ("fc", "Weights"), ("fc", "Bias")]:
        ours = np.asarray(parameters[layer][name])
        matlab = run[f"final_{layer}_{name}"].astype(float)
        assert ours.shape == matlab.shape
        # MATLAB trained in single precision, so its weights are at worst 1e-5 from these in double.
        # Regularisation after the clipping ends 9e-4 away, one norm for all arrays 6e-2.
        assert np.linalg.norm(ours - matlab) < 5e-5 * np.linalg.norm(matlab), (layer, name)
