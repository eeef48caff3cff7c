"""Generative recommendation by semantic IDs whose digits are predicted in parallel."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent, under
from simulator.recommenders.linear import PRIOR
from simulator.recommenders.sequences import newest, windows
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer, extended
from simulator.recommenders.tokenizers.product import Product

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.semantic_network import SemanticNetwork

BLOCK = 32
"""Rows the network answers at a time, padded where fewer are asked, so that no row's rounding depends on the batch."""
WARM_UP = 50
"""Steps over which the learning rate rises; it then falls along a half cosine to a twentieth."""


@dataclass
class SemanticId(Scorer):
    """Generate the next item's semantic ID, all digits at once, and score the catalog exactly (RPG, KDD 2025).

    tokenizer: what gives items their IDs.
    epochs: passes over the log in a first fit.
    refit_epochs: passes in a refit that continues from the current state.
    length: newest entries of a history that are read.
    width: size of the network's states.
    blocks: transformer blocks.
    dropout: share of states silenced in training.
    temperature: divides the cosines of predicted and offered codes.
    learning_rate: the highest of a fit; refits start at a quarter.
    batch: rows of ``length`` per step.
    """

    warm: ClassVar[bool] = True
    sequential: ClassVar[bool] = True
    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    tokenizer: Tokenizer = field(default_factory=Product)
    epochs: Annotated[int, Field(ge=1)] = 40
    refit_epochs: Annotated[int, Field(ge=1)] = 5
    length: Annotated[int, Field(ge=1)] = 20
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    blocks: Annotated[int, Field(ge=1)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    temperature: Annotated[float, Field(gt=0)] = 0.07
    learning_rate: Annotated[float, Field(gt=0)] = 0.004
    batch: Annotated[int, Field(ge=1)] = 64
    _codes: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 1), dtype=np.int64))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _network: "SemanticNetwork | None" = field(init=False, repr=False, default=None)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Tokenize and train; with a network already there, keep its items' IDs, give new items theirs, train on."""
        import torch

        before = self._network
        if before is None:
            self.tokenizer.fit(log, catalog, rng)
        self._codes = extended(self._codes, self.tokenizer.encode(log, catalog, rng))
        counts = log.counts(len(catalog))
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._network = self._new_network()
            if before is not None:
                self._network.load_state_dict(before.state_dict())
            self._train(log, before is not None, rng, progress)

    def _new_network(self) -> "SemanticNetwork":
        import torch

        from simulator.recommenders.semantic_network import SemanticNetwork

        return SemanticNetwork(
            torch.from_numpy(self._codes),
            self.tokenizer.codes,
            length=self.length,
            width=self.width,
            blocks=self.blocks,
            dropout=self.dropout,
            temperature=self.temperature,
        ).eval()

    def _train(self, log: Interactions, warm: bool, rng: np.random.Generator, progress: Progress) -> None:
        """Minimize the cross-entropy of every digit of every next item."""
        import torch

        assert self._network is not None
        rows_each = len(windows(log, self.length, rng)[0])
        if not rows_each:
            return
        network, epochs = self._network.train(), self.refit_epochs if warm else self.epochs
        rates = self._rates(epochs * -(-rows_each // self.batch), warm)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
        for epoch in range(epochs):
            inputs, targets = (torch.from_numpy(part) for part in windows(log, self.length, rng))
            shuffled = torch.from_numpy(rng.permutation(len(inputs)))
            for rows in torch.split(shuffled, self.batch):
                optimizer.param_groups[0]["lr"] = next(rates)
                optimizer.zero_grad()
                torch.autograd.backward(self._loss(network, inputs[rows], targets[rows]))
                optimizer.step()
            progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
        network.eval()

    def _loss(self, network: "SemanticNetwork", inputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return the mean cross-entropy over digits and over places where input and target are both real."""
        import torch

        real = (inputs > 0) & (targets > 0)
        wanted = torch.from_numpy(self._codes)[targets[real] - 1]
        logits = network.logits(network(inputs)[real])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())

    def _rates(self, steps: int, warm: bool) -> Iterator[float]:
        """Yield the learning rate of each step."""
        highest = self.learning_rate / 4 if warm else self.learning_rate
        for step in range(steps):
            falling = 0.525 + 0.475 * np.cos(np.pi * step / steps)
            yield float(highest * min(1.0, (step + 1) / WARM_UP) * falling)

    def score(self, requests: Requests) -> Floats:
        """Return the mean log-probability of each item's digits; popularity where a history is empty."""
        coded = self._codes[:, 0] != NO_CODE
        sequences = newest(requests, coded, self.length)
        scores = np.tile(self._prior, (len(requests), 1))
        for first in range(0, len(requests), BLOCK):
            rows = slice(first, first + BLOCK)
            asked = (sequences[rows] > 0).any(axis=1, keepdims=True)
            scores[rows] += np.where(asked, self._item_scores(sequences[rows]), 0.0)
        scores[:, ~coded] = -np.inf
        return scores

    def _item_scores(self, sequences: Ints) -> Floats:
        """Return (rows, items) scores of at most BLOCK sequences."""
        import torch

        assert self._network is not None
        padded = np.zeros((BLOCK, self.length), dtype=np.int64)
        padded[: len(sequences)] = sequences
        with torch.inference_mode():
            hidden = self._network(torch.from_numpy(padded))[:, -1]
            likely = self._network.logits(hidden).log_softmax(dim=-1).numpy()[: len(sequences)].astype(np.float64)
        scores = np.zeros((len(sequences), len(self._codes)))
        for digit, codes in enumerate(self._codes.T):
            scores += likely[:, digit, np.maximum(codes, 0)] / self._codes.shape[1]
        return scores

    def state(self) -> State:
        """Return IDs, popularity, and the tensors of tokenizer and network under their prefixes."""
        assert self._network is not None, "fit before asking for the state"
        network = {f"network.{name}": value.numpy(force=True) for name, value in self._network.state_dict().items()}
        tokenizer = {f"tokenizer.{name}": value for name, value in self.tokenizer.state().items()}
        offered = np.full(self._codes.shape[1], self.tokenizer.codes)
        return {"codes": self._codes, "offered": offered, "prior": self._prior, **tokenizer, **network}

    def load_state(self, state: State) -> None:
        """Take over IDs, tokenizer and network."""
        import torch

        self._codes = np.asarray(state["codes"], dtype=np.int64)
        self._prior = np.asarray(state["prior"], dtype=np.float64)
        self.tokenizer.load_state(under("tokenizer.", state))
        self._network = self._new_network()
        # a copy: the tensors must not share memory with the state that is handed in
        self._network.load_state_dict({k: torch.tensor(v) for k, v in under("network.", state).items()})
