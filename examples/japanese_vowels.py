"""Tell nine speakers apart by how they say two vowels: a GRU in a MATLAB-style training loop.

Japanese Vowels (Kudo, Toyama, Shimbo 1999): 270 training and 370 test utterances of 12
cepstral channels and 7 to 29 steps.  The network is gru (100 units) - last step -
fullyconnect - softmax, trained with crossentropy and adamupdate on padded
mini-batches.  Hyperparameters are fixed below, chosen by cross-validation inside the
training half; the test half is looked at once, at the end.  Run it with ``make demo``; a
number as argument is the seed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import dlgru as dl

HIDDEN, CLASSES, CHANNELS = 100, 9, 12
COLUMNS = "Iteration Epoch TimeElapsed LearnRate TrainingLoss TrainingAccuracy".split()
EPOCHS, BATCH, THRESHOLD = 30, 27, 1.0
LEARN_RATE, DROP_FACTOR, DROP_PERIOD = 0.01, 0.1, 15  # a piecewise schedule, as trainingOptions has


def load() -> tuple[list[Any], Any, list[Any], Any]:
    """Sequences as 12×T arrays, and speakers as numbers from 1, for training and test."""
    from sktime.datasets import load_japanese_vowels

    halves = []
    for half in ("train", "test"):
        frames, speakers = load_japanese_vowels(split=half, return_X_y=True)
        sequences = [np.stack([np.asarray(s) for s in row]) for row in frames.to_numpy()]
        halves += [sequences, np.asarray(speakers).astype(float)]
    return tuple(halves)


def initial_parameters() -> Any:
    """Glorot input weights, orthogonal recurrent weights, zero biases, as gruLayer starts."""

    def glorot(rows: int, columns: int) -> Any:
        bound = (6 / (rows + columns)) ** 0.5
        return dl.single(bound * (2 * dl.rand(rows, columns) - 1))

    q, r = np.linalg.qr(dl.extractdata(dl.randn(3 * HIDDEN, HIDDEN)))
    p = dl.struct()
    p.gru.weights = glorot(3 * HIDDEN, CHANNELS)
    p.gru.recurrentWeights = dl.single(dl.dlarray(q * np.sign(np.diag(r))))
    p.gru.bias = dl.zeros(3 * HIDDEN, 1, "single")
    p.fc.weights = glorot(CLASSES, HIDDEN)
    p.fc.bias = dl.zeros(CLASSES, 1, "single")
    return p


def batch(sequences: list[Any], speakers: Any) -> tuple[Any, Any, Any]:
    """Padded sequences ``X[C,T,B]``, their lengths, and one-hot targets ``T[C,B]``."""
    X, mask = dl.padsequences(sequences, 2, nargout=2)
    lengths = dl.sum(mask[0, :, :], 2)
    T = dl.onehotencode(speakers, 1, "single", ClassNames=list(range(1, CLASSES + 1)))
    return dl.dlarray(dl.single(X), "CTB"), lengths, T


def predict(p: Any, X: Any, lengths: Any) -> Any:
    """Probabilities ``Y[C,B]``: the state after each sequence's own last step, classified."""
    g = p.gru
    H0 = dl.dlarray(dl.zeros(HIDDEN, 1, like=g.bias), "CB")  # where the parameters are
    _, h = dl.gru(X, H0, g.weights, g.recurrentWeights, g.bias, SequenceLengths=lengths, nargout=2)
    return dl.softmax(dl.fullyconnect(h, p.fc.weights, p.fc.bias))


def model_loss(p: Any, X: Any, lengths: Any, T: Any) -> tuple[Any, Any, Any]:
    """Loss, its gradients, and the predictions it came from."""
    Y = predict(p, X, lengths)
    loss = dl.crossentropy(Y, T)
    return loss, dl.dlgradient(loss, p), Y


def clip(g: Any) -> Any:
    """GradientThresholdMethod "l2norm": each array by its own norm."""
    norm = float(dl.sqrt(dl.sum(g**2, "all")))
    return g * (THRESHOLD / norm) if norm > THRESHOLD else g


def train(sequences: list[Any], speakers: Any, verbose: bool = True) -> tuple[Any, list[Any]]:
    """The custom training loop; returns the parameters and (iteration, loss, accuracy) rows."""
    p, avg, avg_sq = initial_parameters(), [], []
    speakers = np.asarray(speakers)
    history: list[Any] = []
    iteration, start = 0, time.perf_counter()
    per_epoch = len(sequences) // BATCH
    if verbose:
        print("".join(f"    {name}" for name in COLUMNS))
        print("".join(f"    {'_' * len(name)}" for name in COLUMNS))
    for epoch in range(1, EPOCHS + 1):
        learn_rate = LEARN_RATE * DROP_FACTOR ** ((epoch - 1) // DROP_PERIOD)
        order = [int(k) - 1 for k in dl.extractdata(dl.randperm(len(sequences))).ravel()]
        for k in range(per_epoch):
            chosen = order[k * BATCH : (k + 1) * BATCH]
            X, lengths, T = batch([sequences[i] for i in chosen], speakers[chosen])
            loss, gradients, Y = dl.dlfeval(model_loss, p, X, lengths, T)
            gradients = dl.dlupdate(clip, gradients)
            iteration += 1
            p, avg, avg_sq = dl.adamupdate(p, gradients, avg, avg_sq, iteration, learn_rate)
            right = dl.onehotdecode(Y, list(range(1, CLASSES + 1)), 1)
            accuracy = 100 * float(np.mean(np.asarray(right).ravel() == speakers[chosen]))
            history.append((iteration, float(loss), accuracy))
            last = iteration == EPOCHS * per_epoch
            if verbose and (iteration == 1 or iteration % 50 == 0 or last):
                elapsed = time.strftime("%H:%M:%S", time.gmtime(time.perf_counter() - start))
                print(
                    f"{iteration:13d}    {epoch:5d}    {elapsed:>11}    {learn_rate:9.5g}"
                    f"    {float(loss):12.5g}    {accuracy:16.5g}"
                )
    if verbose:
        print("Training stopped: Max epochs completed")
    return p, history


def test(p: Any, sequences: list[Any], speakers: Any) -> tuple[float, Any]:
    """Share of right answers, and the confusion matrix (rows: true, columns: predicted)."""
    X, lengths, _ = batch(sequences, speakers)
    Y = predict(p, X, lengths)
    found = np.asarray(dl.onehotdecode(Y, list(range(1, CLASSES + 1)), 1)).ravel()
    confusion = np.zeros((CLASSES, CLASSES), int)
    np.add.at(confusion, (np.asarray(speakers).astype(int) - 1, found.astype(int) - 1), 1)
    return float(np.trace(confusion)) / len(sequences), confusion


def draw(history: list[Any], file: Path) -> None:
    """Loss and accuracy against iterations, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    iterations, losses, accuracies = zip(*history, strict=True)
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 5), layout="constrained")
    axes[0].plot(iterations, accuracies, color="tab:blue", linewidth=1)
    axes[0].set_ylabel("Accuracy (%)")
    axes[1].plot(iterations, losses, color="tab:orange", linewidth=1)
    axes[1].set_ylabel("Loss")
    axes[1].set_xlabel("Iteration")
    axes[0].set_title("Japanese Vowels: GRU with 100 hidden units")
    for a in axes:
        a.grid(alpha=0.3)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main() -> None:
    """Train, test, print and draw."""
    dl.rng(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train_x, train_y, test_x, test_y = load()
    print(f"Japanese Vowels: {len(train_x)} training and {len(test_x)} test sequences")
    p, history = train(train_x, train_y)
    accuracy, confusion = test(p, test_x, test_y)
    print(
        f"\nTest accuracy: {accuracy:.4f}\n\nConfusion matrix (rows: true speaker, columns: found)"
    )
    print("\n".join("".join(f"{n:5d}" for n in row) for row in confusion))
    file = Path("japanese_vowels.png")
    draw(history, file)
    print(f"\nLoss and accuracy are drawn in {file}")


if __name__ == "__main__":
    main()
