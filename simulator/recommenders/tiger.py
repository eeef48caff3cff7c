"""Generative recommendation by semantic IDs whose digits are generated one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.schema import PAD, Bools, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, Slates, State, diagnostics, silent, top_k, under
from simulator.recommenders.decoding import Decoder, Memory
from simulator.recommenders.linear import PRIOR
from simulator.recommenders.objective import Objective
from simulator.recommenders.sequences import newest, windows
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer, extended
from simulator.recommenders.tokenizers.residual_kmeans import ResidualKmeans
from simulator.recommenders.trie import Trie
from simulator.seeds import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.tiger_network import TigerNetwork

BLOCK = 32
"""Rows a beam search answers at a time, padded where fewer are asked, so that no row's rounding depends on the batch."""
EXACT_BLOCK = 8
"""The same where every path is walked."""
WARM_UP = 50
"""Steps over which the learning rate rises; it then falls along a half cosine to a twentieth."""


@dataclass
class Tiger(Scorer):
    """Generate the next item's semantic ID digit by digit, along the IDs that exist (TIGER, NeurIPS 2023).

    tokenizer: what gives items their IDs; a last digit is added that tells items of one ID apart.
    decode: how the best are found: ``beam``, or ``exact``, which walks every path.
    beam: paths a beam search follows, at least as many as are to be shown.
    temperature: divides the logits when decoding.
    gumbel: strength of Gumbel noise, drawn anew for each request, on every step of every path (0: none).
    ghosts: whether digits that are no choice, the only continuation of their prefix, count in the score.
    epochs: passes over the log in a first fit.
    refit_epochs: passes in a refit that continues from the current state.
    length: newest entries of a history that are read.
    width: size of the network's states.
    blocks: transformer blocks.
    dropout: share of states silenced in training.
    learning_rate: the highest of a fit; refits start at a quarter.
    batch: rows of ``length`` per step.
    """

    warm: ClassVar[bool] = True
    sequential: ClassVar[bool] = True
    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    tokenizer: Tokenizer = field(default_factory=ResidualKmeans)
    decode: Literal["beam", "exact"] = "beam"
    beam: Annotated[int, Field(ge=1)] = 20
    temperature: Annotated[float, Field(gt=0)] = 1.0
    gumbel: Annotated[float, Field(ge=0)] = 0.0
    ghosts: bool = True
    epochs: Annotated[int, Field(ge=1)] = 20
    refit_epochs: Annotated[int, Field(ge=1)] = 4
    length: Annotated[int, Field(ge=1)] = 20
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    blocks: Annotated[int, Field(ge=1)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    learning_rate: Annotated[float, Field(gt=0)] = 0.004
    batch: Annotated[int, Field(ge=1)] = 64
    objective: Objective = field(init=False, repr=False, default_factory=Objective)
    _codes: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 1), dtype=np.int64))
    _paths: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    _trie: Trie = field(init=False, repr=False, default_factory=lambda: Trie((), np.zeros(0, dtype=np.int64)))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _network: "TigerNetwork | None" = field(init=False, repr=False, default=None)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Tokenize and train; with a network already there, keep its items' IDs, give new items theirs, train on."""
        import torch

        before = self._network
        if before is None:
            self.tokenizer.fit(log, catalog, rng)
        counts = log.counts(len(catalog))
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        self._codes = extended(self._codes, self.tokenizer.encode(log, catalog, rng))
        self._paths = told_apart(self._codes, self._paths, counts)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._network = self._new_network()
            if before is not None:
                self._network.grow_from(before)
            self._train(log, before is not None, rng, progress)

    def _new_network(self) -> "TigerNetwork":
        from simulator.recommenders.tiger_network import TigerNetwork

        alike = int(self._paths[:, -1].max(initial=0)) + 1
        sizes = (*[self.tokenizer.codes] * self.tokenizer.digits, alike)
        self._trie = Trie.of(self._paths, sizes)
        return TigerNetwork(
            sizes, length=self.length, width=self.width, blocks=self.blocks, dropout=self.dropout
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

    def _loss(self, network: "TigerNetwork", inputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Return the mean cross-entropy over digits and over places where input and target are both real."""
        import torch
        from torch.nn.functional import cross_entropy

        real = (inputs > 0) & (targets > 0)
        items = torch.cat([inputs[:, :1], torch.where(targets > 0, targets, torch.nn.functional.pad(inputs[:, 1:], (0, 1)))], 1)
        told = network(self._told(items))[real]
        wanted = torch.from_numpy(self._paths)[targets[real] - 1]
        losses = [cross_entropy(network.logits(told[:, d], d), wanted[:, d]) for d in range(wanted.shape[1])]
        return torch.stack(losses).mean()

    def _told(self, items: "Tensor") -> "Tensor":
        """Return (..., digits) paths of items + 1, NO_CODE where there is none."""
        import torch

        return torch.where(items[..., None] > 0, torch.from_numpy(self._paths)[(items - 1).clamp(min=0)], NO_CODE)

    def _rates(self, steps: int, warm: bool) -> Iterator[float]:
        """Yield the learning rate of each step."""
        highest = self.learning_rate / 4 if warm else self.learning_rate
        for step in range(steps):
            falling = 0.525 + 0.475 * np.cos(np.pi * step / steps)
            yield float(highest * min(1.0, (step + 1) / WARM_UP) * falling)

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return the k best allowed items that the search finds, the most popular where a history is empty."""
        if self.decode == "exact":
            return super().recommend(requests, k)
        items = np.full((len(requests), k), PAD, dtype=np.int64)
        best = np.full((len(requests), k), np.nan)
        for first in range(0, len(requests), BLOCK):
            part = requests.part(first, min(first + BLOCK, len(requests)))
            sequences = newest(part, self._codes[:, 0] != NO_CODE, self.length)
            rows = slice(first, first + len(part))
            items[rows], best[rows] = self._searched(part, sequences, k)
            cold = np.flatnonzero((sequences == 0).all(axis=1))
            if len(cold):
                items[first + cold], best[first + cold] = top_k(self._popular(len(cold)), part.take(cold), k)
        return Slates(items, best, np.full_like(best, np.nan), diagnostics(items))

    def _popular(self, rows: int) -> Floats:
        return np.tile(np.where(self._codes[:, 0] != NO_CODE, self._prior, -np.inf), (rows, 1))

    def _searched(self, requests: Requests, sequences: Ints, k: int) -> tuple[Ints, Floats]:
        """Return the (B, k) best items of at most BLOCK requests, by beam search, ties by item id."""
        import torch

        items, scores = np.full((len(requests), k), PAD, dtype=np.int64), np.full((len(requests), k), np.nan)
        if not len(self._trie.item):
            return items, scores
        with torch.inference_mode():
            first, go_on = self._reading(_padded(sequences, BLOCK))
            found = self._decoder(requests, BLOCK).beam(first, go_on, self._allowed(requests), max(self.beam, k))
        found_items, found_scores = (of[: len(requests), :] for of in found)
        order = np.lexsort((found_items, -found_scores), axis=1)[:, :k]
        items[:, : order.shape[1]] = np.take_along_axis(found_items, order, 1)
        scores[:, : order.shape[1]] = np.take_along_axis(found_scores, order, 1)
        return items, scores

    def _allowed(self, requests: Requests) -> Bools:
        """Return (BLOCK, items): what is not excluded."""
        allowed = np.ones((BLOCK, len(self._codes)), dtype=np.bool_)
        row = np.repeat(np.arange(len(requests)), np.diff(requests.exclude_starts))
        known = (requests.exclude >= 0) & (requests.exclude < len(self._codes))
        allowed[row[known], requests.exclude[known]] = False
        return allowed

    def _decoder(self, requests: Requests, block: int) -> Decoder:
        """Return the search, with each request's own noise where there is any."""
        import torch

        if not self.gumbel:
            return Decoder(self._trie, self.ghosts)
        seed = np.zeros(block, dtype=np.uint64)
        seed[: len(requests)] = requests.seed

        def noise(depth: int, nodes: "Tensor") -> "Tensor":
            uniform = Streams(0).uniform("gumbel", seed.view(np.int64)[:, None], depth, nodes.numpy())
            return torch.from_numpy((self.gumbel * -np.log(-np.log(uniform + 2.0**-54))).astype(np.float32))

        return Decoder(self._trie, self.ghosts, noise)

    def _reading(self, sequences: Ints) -> "tuple[Tensor, _Continuation]":
        """Return the log-probabilities of the first digit after histories, and what continues them."""
        import torch

        assert self._network is not None
        reading = self._network.read(self._told(torch.from_numpy(sequences)))
        network, temperature = self._network, self.temperature

        def likely(states: "Tensor", digit: int) -> "Tensor":
            return (network.logits(states, digit) / temperature).log_softmax(-1)

        def go_on(depth: int, code: "Tensor", memory: Memory, beam: "Tensor") -> "tuple[Tensor, Memory]":
            states, memory = reading.go_on(depth - 1, code, memory, beam)
            return likely(states, depth), memory

        return likely(reading.first[:, 0], 0), go_on

    def score(self, requests: Requests) -> Floats:
        """Return the log-probability of each item's path, exactly; popularity where a history is empty."""
        coded = self._codes[:, 0] != NO_CODE
        sequences = newest(requests, coded, self.length)
        scores = self._popular(len(requests))
        for first in range(0, len(requests), EXACT_BLOCK):
            rows = slice(first, first + EXACT_BLOCK)
            asked = first + np.flatnonzero((sequences[rows] > 0).any(axis=1))
            part = requests.part(first, min(first + EXACT_BLOCK, len(requests)))
            scores[asked[:, None], self._trie.item] = self._walked(part, sequences[rows])[asked - first]
        return scores

    def _walked(self, requests: Requests, sequences: Ints) -> Floats:
        """Return the (B, leaves) scores of all paths for at most EXACT_BLOCK requests."""
        import torch

        with torch.inference_mode():
            first, go_on = self._reading(_padded(sequences, EXACT_BLOCK))
            return self._decoder(requests, EXACT_BLOCK).exact(first, go_on)[: len(requests)]

    def state(self) -> State:
        """Return IDs, popularity, and the tensors of tokenizer and network under their prefixes."""
        assert self._network is not None, "fit before asking for the state"
        network = {f"network.{name}": value.numpy(force=True) for name, value in self._network.state_dict().items()}
        tokenizer = {f"tokenizer.{name}": value for name, value in self.tokenizer.state().items()}
        offered = np.full(self._codes.shape[1], self.tokenizer.codes)
        ids = {"codes": self._codes, "offered": offered, "paths": self._paths}
        return {**ids, "prior": self._prior, **tokenizer, **network}

    def load_state(self, state: State) -> None:
        """Take over IDs, tokenizer and network."""
        import torch

        self._codes, self._paths = (np.asarray(state[name], dtype=np.int64) for name in ("codes", "paths"))
        self._prior = np.asarray(state["prior"], dtype=np.float64)
        self.tokenizer.load_state(under("tokenizer.", state))
        self._network = self._new_network()
        # a copy: the tensors must not share memory with the state that is handed in
        self._network.load_state_dict({k: torch.tensor(v) for k, v in under("network.", state).items()})


def _padded(sequences: Ints, block: int) -> Ints:
    padded = np.zeros((block, sequences.shape[1]), dtype=np.int64)
    padded[: len(sequences)] = sequences
    return padded


def told_apart(codes: Ints, before: Ints, counts: Floats) -> Ints:
    """Return (items, digits + 1) paths: the codes, then a number that tells items of the same codes apart.

    Items that had a path keep it; others take the lowest free numbers of their codes, the more popular first.

    >>> told_apart(np.array([[4], [4], [7], [-1]]), np.zeros((0, 2)), np.array([1.0, 5.0, 2.0, 0.0])).tolist()
    [[4, 1], [4, 0], [7, 0], [-1, -1]]
    """
    number = np.full(len(codes), NO_CODE)
    number[: len(before)] = before[:, -1]
    coded = codes[:, 0] != NO_CODE
    fresh = np.flatnonzero(coded & (number == NO_CODE))
    fresh = fresh[np.argsort(-counts[fresh], kind="stable")]
    _, group = np.unique(codes, axis=0, return_inverse=True)
    taken = np.zeros(len(codes) + 1, dtype=np.int64)
    np.maximum.at(taken, group[coded], number[coded] + 1)
    order = fresh[np.argsort(group[fresh], kind="stable")]
    nth = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    number[order] = taken[group[order]] + nth
    return np.concatenate([codes, number[:, None]], axis=1)
