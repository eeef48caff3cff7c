"""A text model of what comes next, with what collaborative filtering knows put into its words."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.asking.text import spoken
from agents.schema import Floats, Ints, Item
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent
from simulator.recommenders.linear import PRIOR
from simulator.recommenders.sequences import newest, windows
from simulator.recommenders.tokenizers.clusters import cluster, nearest
from simulator.recommenders.tokenizers.points import co_occurrence, leading_basis

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.worded_network import WordedNetwork

BLOCK = 32
"""Rows the network answers at a time, padded where fewer are asked, so that no row's rounding depends on the batch."""
BUCKETS = 1 << 13
"""Words that titles and genres are hashed into, from 1 on; 0 is no word."""
TITLE, GENRES = 5, 3
"""Words of a title and genres that are read."""
PARTS, CODES = 4, 16
"""Words that say a collaborative vector, and how many different ones there are of each."""
SIZE = 1 + BUCKETS + PARTS * CODES
_WORD = re.compile(r"\w+")
Injection = Literal["soft", "text_only", "verbalised", "placebo", "ensemble"]


@dataclass
class CoLlm(Scorer):
    """Predict the next item by its words, with collaborative vectors mapped among them (CoLLM, arXiv:2310.19488).

    A small causal text model learns from titles, decades and genres alone. Then it is frozen, and only a mapping from
    vectors of who takes what together to one soft word per item is learned. Items nobody took have their words alone.
    Above 10,000 items, targets are compared with a sample of the catalog.

    injection: soft is the above; the others are controls: text_only injects nothing, verbalised says the vectors in
    words of a fixed list while the text model learns, placebo is soft with vectors dealt out anew among items, ensemble
    adds the text model's and the vectors' scores, both standardized.
    epochs: passes over the log in which the text model learns.
    mapping_epochs: passes in which the mapping learns.
    length: newest entries of a history that are read.
    dimensions: numbers in a collaborative vector, a multiple of four.
    width: size of the network's states.
    blocks: transformer blocks.
    dropout: share of states silenced in training.
    learning_rate: the highest of either step.
    batch: rows of ``length`` per step.
    reads: entries of the log that either step reads at most: a large one is passed over less often.
    """

    sequential: ClassVar[bool] = True

    injection: Injection = "soft"
    epochs: Annotated[int, Field(ge=1)] = 20
    mapping_epochs: Annotated[int, Field(ge=1)] = 6
    length: Annotated[int, Field(ge=1)] = 20
    dimensions: Annotated[int, Field(ge=PARTS, multiple_of=PARTS)] = 32
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    blocks: Annotated[int, Field(ge=1)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    learning_rate: Annotated[float, Field(gt=0)] = 0.004
    batch: Annotated[int, Field(ge=1)] = 64
    reads: Annotated[int, Field(ge=1)] = 2_000_000
    _words: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 1), dtype=np.int64))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _network: "WordedNetwork | None" = field(init=False, repr=False, default=None)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Learn the text model, then what is injected; equal draws give the controls one text model."""
        import torch

        text, injected = (int(seed) for seed in rng.integers(2**63, size=2))
        draws = np.random.default_rng(text)
        table = vectors(log, len(catalog), self.dimensions, draws)
        self._words = described(catalog.items, said(table, draws) if self.injection == "verbalised" else None)
        counts = log.counts(len(catalog))
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(text)
            network = self._network = self._new_network()
            network.vectors[1:] = torch.from_numpy(table)
            self._train(log, network, self.epochs, draws, lambda share: progress(0.7 * share, "text"))
        self.inject(log, seed=injected, progress=lambda share, what: progress(0.7 + 0.3 * share, what))

    def inject(self, log: Interactions, *, seed: int, progress: Progress = silent) -> None:
        """Learn the mapping, if any; the text model stays as it is."""
        import torch

        if self.injection not in ("soft", "placebo"):
            return
        network, draws = self._fitted(), np.random.default_rng(seed)
        if self.injection == "placebo":
            network.vectors[1:] = torch.from_numpy(shuffled(network.vectors[1:].numpy(), draws))
        network.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network.open()
            self._train(log, network, self.mapping_epochs, draws, lambda share: progress(share, "mapping"))

    def _fitted(self) -> "WordedNetwork":
        assert self._network is not None, "fit first"
        return self._network

    def _new_network(self) -> "WordedNetwork":
        import torch

        from simulator.recommenders.worded_network import WordedNetwork

        shape = {"length": self.length, "width": self.width, "blocks": self.blocks}
        words = torch.from_numpy(self._words)
        return WordedNetwork(words, SIZE, self.dimensions, dropout=self.dropout, **shape).eval()

    def _train(
        self,
        log: Interactions,
        network: "WordedNetwork",
        epochs: int,
        rng: np.random.Generator,
        progress: Callable[[float], None],
    ) -> None:
        """Minimize the cross-entropy of every next item among all that are offered, by whatever may still learn."""
        import torch

        optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], weight_decay=0.05)
        popularity = torch.from_numpy(1 + log.counts(len(self._words))).float()
        network.train()
        epochs = min(epochs, max(1, self.reads // max(len(log), 1)))
        for epoch in range(epochs):
            inputs, targets = (torch.from_numpy(part) for part in windows(log, self.length, rng))
            order = torch.from_numpy(rng.permutation(len(inputs)))
            for step, rows in enumerate(torch.split(order, self.batch) if len(order) else ()):
                share = (epoch + step * self.batch / len(order)) / epochs
                rate = self.learning_rate * min(1.0, 10 * share + 0.1) * (1.02 - share)
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
                torch.autograd.backward(_loss(network, inputs[rows], targets[rows], popularity))
                optimizer.step()
            progress((epoch + 1) / epochs)
        network.eval()

    def score(self, requests: Requests) -> Floats:
        """Return each item's log odds as the next one; popularity where a history is empty."""
        sequences = newest(requests, np.ones(len(self._words), dtype=np.bool_), self.length)
        scores = np.tile(self._prior, (len(requests), 1))
        for first in range(0, len(requests), BLOCK):
            rows = slice(first, first + BLOCK)
            asked = (sequences[rows] > 0).any(axis=1, keepdims=True)
            scores[rows] += np.where(asked, self._item_scores(sequences[rows]), 0.0)
        return scores

    def _item_scores(self, sequences: Ints) -> Floats:
        """Return (rows, items) scores of at most BLOCK sequences."""
        import torch

        network = self._fitted()
        padded = np.zeros((BLOCK, self.length), dtype=np.int64)
        padded[: len(sequences)] = sequences
        with torch.inference_mode():
            items = network.items()
            found = network(torch.from_numpy(padded), items)[:, -1] @ items[1:].T
            if self.injection == "ensemble":
                own = network.vectors
                mean = torch.nn.functional.normalize(own[torch.from_numpy(padded)].sum(dim=1), dim=1)
                found = _standardized(found) + _standardized(mean @ own[1:].T)
        return np.asarray(found.numpy()[: len(sequences)], dtype=np.float64)

    def state(self) -> State:
        """Return words, popularity and the network's tensors under their prefix."""
        network = {f"network.{name}": value.numpy(force=True) for name, value in self._fitted().state_dict().items()}
        return {"words": self._words, "prior": self._prior, **network}

    def load_state(self, state: State) -> None:
        """Take over everything learned; a text model alone will do, and may be injected into."""
        import torch

        self._words = np.asarray(state["words"], dtype=np.int64)
        self._prior = np.asarray(state["prior"], dtype=np.float64)
        self._network = self._new_network()
        if any(name.startswith("network.mapping.") for name in state):
            self._network.open()
        # copies: the tensors must not share memory with the state that is handed in
        tensors = {k.removeprefix("network."): torch.tensor(v) for k, v in state.items() if k.startswith("network.")}
        self._network.load_state_dict(tensors)
        self._network.eval()


def _loss(network: "WordedNetwork", inputs: "Tensor", targets: "Tensor", popularity: "Tensor") -> "Tensor":
    """Return the mean cross-entropy over places where input and target are both real."""
    from simulator.recommenders.cross_entropy import next_cross_entropy

    real = (inputs > 0) & (targets > 0)
    items = network.items()
    return next_cross_entropy(network(inputs, items)[real], items[1:], targets[real] - 1, popularity)


def _standardized(scores: "Tensor") -> "Tensor":
    return (scores - scores.mean(dim=1, keepdim=True)) / scores.std(dim=1, keepdim=True).clamp_min(1e-6)


def described(items: Sequence[Item], more: Ints | None) -> Ints:
    """Return (items, words) words of items: the first of the title, the decade, genres, and ``more``; 0 fills up."""
    table = np.zeros((len(items), TITLE + 1 + GENRES), dtype=np.int64)
    for item, row in zip(items, table, strict=True):
        title = _WORD.findall(spoken(item).casefold().removesuffix(f"({item.year})"))[:TITLE]
        decade = [] if item.year is None else [f"{item.year // 10}0s"]
        words = [*title, *decade, *(f"genre {genre.casefold()}" for genre in item.genres[:GENRES])]
        row[: len(words)] = [_hashed(word) for word in words]
    return table if more is None else np.concatenate([table, more], axis=1)


@lru_cache(maxsize=1 << 16)
def _hashed(word: str) -> int:
    return 1 + int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") % BUCKETS


def vectors(log: Interactions, n_items: int, dimensions: int, rng: np.random.Generator) -> Floats:
    """Return (items, dimensions) vectors of who takes what together, of length 1; 0 for what nobody took."""
    together = co_occurrence(log, n_items)
    found = together @ leading_basis(together, dimensions, rng)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-9, found / np.maximum(length, 1e-9), 0.0))


def shuffled(table: Floats, rng: np.random.Generator) -> Floats:
    """Return vectors dealt out anew among the items that have one: as many, as long, and about others."""
    known = np.flatnonzero(np.abs(table).sum(axis=1))
    dealt = np.zeros_like(table)
    dealt[known] = table[rng.permutation(known)]
    return dealt


def said(table: Floats, rng: np.random.Generator) -> Ints:
    """Return (items, PARTS) words that say vectors, part by part: which of CODES it is nearest; 0 for none."""
    known = np.abs(table).sum(axis=1) > 0
    parts = np.split(table, PARTS, axis=1)
    codes = np.stack([nearest(part, cluster(part[known], CODES, rng)) for part in parts], axis=1)
    return np.where(known[:, None], 1 + BUCKETS + np.arange(PARTS) * CODES + codes, 0)
