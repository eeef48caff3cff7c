"""What recommenders have in common whose network reads a history and predicts the next item."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.schema import Bools, Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent, under
from simulator.recommenders.linear import PRIOR
from simulator.recommenders.objective import Objective
from simulator.recommenders.sequences import Told, told
from simulator.seeds import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.training import Course
    from simulator.recommenders.transformer import Layer, SequenceNetwork

BLOCK = 32
"""Rows the network answers at a time, padded where fewer are asked, so that no row's rounding depends on the batch."""
REREAD = 4
"""Refits begin at the learning rate divided by this,"""
REACT = 10
"""and updates at the rate divided by this."""


@dataclass
class NextItem(Scorer):
    """Train a network on what follows each entry of the log, and show what it finds likely to follow the newest.

    Its fields are those of every such recommender; items nobody had taken at the last fit are not shown.
    """

    warm: ClassVar[bool] = True
    sequential: ClassVar[bool] = True
    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    epochs: Annotated[int, Field(ge=1)] = 40
    refit_epochs: Annotated[int, Field(ge=1)] = 5
    length: Annotated[int, Field(ge=1)] = 50
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    blocks: Annotated[int, Field(ge=1)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    temperature: Annotated[float, Field(gt=0)] = 0.05
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    batch: Annotated[int, Field(ge=1)] = 128
    reads: Annotated[int, Field(ge=1)] = 10_000_000
    objective: Objective = field(init=False, repr=False, default_factory=Objective)
    _counts: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _network: "SequenceNetwork | None" = field(init=False, repr=False, default=None)

    @abstractmethod
    def _known(self) -> Bools:
        """Return which items the network can read and show."""

    @abstractmethod
    def _new_network(self) -> "SequenceNetwork":
        """Return a network for the items there are, not trained."""

    def _prepare(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        """Take note of the items, before a network is made or trained on."""
        self._counts = log.counts(len(catalog))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Train; with a network already there, train on, for fewer passes and at a lower rate."""
        import torch

        before = self._network
        self._prepare(log, catalog, rng)
        epochs = self.epochs if before is None else self.refit_epochs
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._network = self._new_network().eval()
            if before is not None:
                self._network.take_over(before.state_dict())
            epochs = min(epochs, max(1, self.reads // max(len(log), 1)))
            self._train(log, self._course(epochs, 1 if before is None else REREAD), self.objective, rng, progress)

    def update(self, events: Interactions) -> None:
        """Take one pass over what followed what within the events, at a low rate, and count what was taken."""
        import torch

        known = self._known()
        events = events.take(known[events.item_id])
        self._counts = self._counts + events.counts(len(known))
        rng = Streams(0).generator("update")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._train(events, self._course(1, REACT, warm_up=1), Objective(), rng, silent)

    def _course(self, epochs: int, slower: int, warm_up: int = 50) -> "Course":
        from simulator.recommenders.training import Course

        rate = self.learning_rate / slower
        return Course(epochs, self.length, self.batch, rate, warm_up=warm_up)

    def _train(
        self, log: Interactions, course: "Course", objective: Objective, rng: np.random.Generator, progress: Progress
    ) -> None:
        from simulator.recommenders.training import Trainer

        assert self._network is not None, "fit first"
        Trainer(self._network, log, len(self._counts), objective, rng).train(course, progress)

    def score(self, requests: Requests) -> Floats:
        """Return the log-probability of each item; popularity where a history is empty."""
        known = self._known()
        rows = told(requests, known, self.length)
        scores = np.tile(PRIOR * self._counts / max(self._counts.sum(), 1.0), (len(requests), 1))
        for first in range(0, len(requests), BLOCK):
            some = slice(first, first + BLOCK)
            part = Told(rows.items[some], rows.times[some], rows.until[some])
            scores[some] += np.where((part.items > 0).any(axis=1, keepdims=True), self._block_scores(part), 0.0)
        scores[:, ~known] = -np.inf
        return scores

    def _block_scores(self, part: Told) -> Floats:
        """Return the scores of at most BLOCK rows."""
        import torch

        from simulator.recommenders.transformer import Rows

        assert self._network is not None, "fit before asking"
        rows = len(part.items)
        padded = (np.concatenate([c, np.zeros((BLOCK - rows, self.length), c.dtype)]) for c in part)
        with torch.inference_mode():
            hidden = self._network(Rows(*map(torch.from_numpy, padded)))[:, -1]
            return self._item_scores(self._network, hidden)[:rows]

    def _item_scores(self, network: "SequenceNetwork", hidden: "Tensor") -> Floats:
        """Return the (BLOCK, items) scores that follow from hidden states."""
        return network.likely(hidden).numpy().astype(np.float64)

    def state(self) -> State:
        """Return counts, and the tensors of the network under their prefix."""
        assert self._network is not None, "fit before asking for the state"
        network = {f"network.{name}": value.numpy(force=True) for name, value in self._network.state_dict().items()}
        return {"counts": self._counts, **network}

    def load_state(self, state: State) -> None:
        """Take over counts and network."""
        import torch

        self._counts = np.asarray(state["counts"], dtype=np.float64)
        self._network = self._new_network().eval()
        # a copy: the tensors must not share memory with the state that is handed in
        self._network.load_state_dict({k: torch.tensor(v) for k, v in under("network.", state).items()})


@dataclass
class NextKnownItem(NextItem):
    """Give every item an embedding of its own, by which it is read and offered."""

    _taken: Bools = field(init=False, repr=False, default_factory=lambda: np.zeros(0, dtype=np.bool_))

    @abstractmethod
    def _layer(self) -> "type[Layer]":
        """Return what the network is stacked from."""

    def _known(self) -> Bools:
        return self._taken

    def _prepare(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        super()._prepare(log, catalog, rng)
        before = np.zeros(len(catalog), dtype=np.bool_)
        before[: len(self._taken)] = self._taken
        self._taken = before | (self._counts > 0)

    def _new_network(self) -> "SequenceNetwork":
        import torch

        from simulator.recommenders.transformer import Backbone, ItemNetwork

        shape = {"length": self.length, "width": self.width, "blocks": self.blocks}
        backbone = Backbone(self._layer(), dropout=self.dropout, **shape)
        counts = torch.from_numpy(self._counts).float()
        return ItemNetwork(counts, backbone, width=self.width, temperature=self.temperature)

    def state(self) -> State:
        """Return which items are known beside the rest."""
        return {"taken": self._taken, **super().state()}

    def load_state(self, state: State) -> None:
        """Take over which items are known, and the rest."""
        self._taken = np.asarray(state["taken"], dtype=np.bool_)
        super().load_state(state)
