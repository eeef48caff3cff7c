"""How networks that predict the next item are trained."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agents.schema import Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import Progress
from simulator.recommenders.objective import Objective
from simulator.recommenders.sequences import Told, batches, steps
from simulator.recommenders.transformer import Rows, SequenceNetwork

PREFERENCE = 8
"""Passes of training for one pass of preferences, which has a quarter of the learning rate."""


@dataclass(frozen=True, slots=True)
class Course:
    """How long and how fast a network is trained.

    epochs: passes over the log.
    length: entries in a row.
    batch: rows in a step.
    rate: the highest learning rate.
    decay: of the weights, per step and unit of learning rate.
    warm_up: steps over which the rate rises; it then falls along a half cosine to a twentieth.
    """

    epochs: int
    length: int
    batch: int
    rate: float
    decay: float = 0.05
    warm_up: int = 50

    def rates(self, total: int) -> Iterator[float]:
        """Yield the learning rate of each of ``total`` steps."""
        for step in range(total):
            falling = 0.525 + 0.475 * np.cos(np.pi * step / total)
            yield float(self.rate * min(1.0, (step + 1) / self.warm_up) * falling)


class Trainer:
    """Train a network on a log by an objective; the torch seed and ``rng`` decide everything."""

    def __init__(
        self, network: SequenceNetwork, log: Interactions, n_items: int, objective: Objective, rng: np.random.Generator
    ) -> None:
        counts = log.counts(n_items)
        weights = objective.weights(counts)
        self._network, self._log, self._rng = network, log, rng
        self._objective = objective
        self._weights = None if weights is None else torch.from_numpy(weights).float()
        self._taken = torch.from_numpy(np.flatnonzero(counts))

    def train(self, course: Course, progress: Progress) -> None:
        """Minimize the cross-entropy of what follows each entry; then, where asked for, learn preferences."""
        self._run(course, None, progress)
        if self._objective.prefers:
            for _ in range(max(1, course.epochs // PREFERENCE)):
                reference = copy.deepcopy(self._network).eval().requires_grad_(False)
                again = Course(1, course.length, course.batch, course.rate / 4, course.decay, course.warm_up)
                self._run(again, reference, progress)

    def _run(self, course: Course, reference: SequenceNetwork | None, progress: Progress) -> None:
        total = course.epochs * steps(self._log, course.length, course.batch, self._rng)
        if not total:
            return
        rates = course.rates(total)
        network = self._network.train()
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=course.decay)
        for epoch in range(course.epochs):
            for told, targets in batches(self._log, course.length, course.batch, self._rng):
                optimizer.param_groups[0]["lr"] = next(rates)
                optimizer.zero_grad()
                torch.autograd.backward(self._loss(told, targets, reference))
                optimizer.step()
            what = "epoch" if reference is None else "preferences, epoch"
            progress((epoch + 1) / course.epochs, f"{what} {epoch + 1} of {course.epochs}")
        network.eval()

    def _loss(self, told: Told, targets: Ints, reference: SequenceNetwork | None) -> Tensor:
        """Return the loss over places where entry and target are both real."""
        rows = Rows(*map(torch.from_numpy, told))
        real = torch.from_numpy((told.items > 0) & (targets > 0))
        items = torch.from_numpy(targets)[real] - 1
        hidden = self._network(rows)[real]
        loss = self._network.loss(hidden, items, None if self._weights is None else self._weights[items])
        if reference is not None:
            with torch.no_grad():
                before = reference(rows)[real]
            loss = loss + self._objective.preference(self._network, reference, (hidden, before), items, self._taken)
        return loss
