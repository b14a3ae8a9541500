"""The Japanese Vowels example, written for PyTorch as one would write it there.

Same sizes, batches, zero padding, Adam, schedule, and clipping of each gradient by its own norm;
loss and accuracy are taken in each step as the example does.  PyTorch's GRU has a
recurrent bias as well (300 numbers more to learn); it starts at 0, so the first step
of both programs is the same, and is compared.  Where PyTorch offers a choice the quicker
way is taken: the fused Adam, a padded rather than a packed sequence, and sequences that
are tensors before the clock starts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from peers import vowels
from peers.problem import Task


class Network(nn.Module):
    """gru, the state after each sequence's last step, fullyconnect."""

    def __init__(self, settings: Any) -> None:
        super().__init__()
        self.gru = nn.GRU(settings.CHANNELS, settings.HIDDEN)
        self.fc = nn.Linear(settings.HIDDEN, settings.CLASSES)
        nn.init.xavier_uniform_(self.gru.weight_ih_l0)
        nn.init.orthogonal_(self.gru.weight_hh_l0)
        nn.init.xavier_uniform_(self.fc.weight)
        for bias in (self.gru.bias_ih_l0, self.gru.bias_hh_l0, self.fc.bias):
            nn.init.zeros_(bias)

    def forward(self, x: Any, lengths: Any) -> Any:
        y, _ = self.gru(x)
        return self.fc(y[lengths - 1, torch.arange(len(lengths))])


def _batch(sequences: list[Any], lengths: Any, speakers: Any, chosen: Any) -> tuple[Any, ...]:
    x = nn.utils.rnn.pad_sequence([sequences[i] for i in chosen.tolist()])
    return x, lengths[chosen], speakers[chosen]


def training() -> Task:
    """Return the whole training; the first batch from known parameters is compared."""
    recorded, numbers, settings = vowels.saved()
    sequences = [torch.from_numpy(np.ascontiguousarray(s.T, np.float32)) for s in recorded]
    lengths = torch.tensor([len(s) for s in sequences])
    speakers = torch.from_numpy(numbers.astype(np.int64) - 1)

    def call() -> Any:
        torch.manual_seed(1)
        net, loss_of, history = Network(settings), nn.CrossEntropyLoss(), []
        parameters = list(net.parameters())
        optimizer = torch.optim.Adam(parameters, settings.LEARN_RATE, fused=True)
        schedule = torch.optim.lr_scheduler.StepLR(
            optimizer, settings.DROP_PERIOD, settings.DROP_FACTOR
        )
        for _ in range(settings.EPOCHS):
            for chosen in torch.randperm(len(sequences)).split(settings.BATCH):
                x, n, t = _batch(sequences, lengths, speakers, chosen)
                optimizer.zero_grad()
                y = net(x, n)
                loss = loss_of(y, t)
                loss.backward()
                for p in parameters:
                    nn.utils.clip_grad_norm_(p, settings.THRESHOLD)
                optimizer.step()
                right = (y.argmax(1) == t).float().mean()
                history.append((loss.item(), 100 * right.item()))
            schedule.step()
        return history

    def arrays(_: Any) -> list[Any]:
        net = Network(settings)
        weights = (net.gru.weight_ih_l0, net.gru.weight_hh_l0, net.fc.weight)
        with torch.no_grad():
            for parameter, value in zip(weights, vowels.start(settings), strict=True):
                parameter.copy_(torch.from_numpy(value))
        x, n, t = _batch(sequences, lengths, speakers, torch.arange(settings.BATCH))
        y = net(x, n)
        loss = nn.functional.cross_entropy(y, t)
        loss.backward()
        gru, fc = net.gru, net.fc
        made = (gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, fc.weight, fc.bias)
        gradients = [p.grad.numpy().reshape(len(p), -1) for p in made]
        return [loss.detach().numpy(), y.softmax(1).T.detach().numpy(), *gradients]

    return Task(call, arrays)
