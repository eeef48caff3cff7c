"""Generative recommendation by semantic IDs whose digits are generated one after the other."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.errors import InvalidInput
from agents.schema import PAD, Bools, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, Slates, State, diagnostics, silent, top_k, under
from simulator.recommenders.decoding import Continue, Decoder, Memory
from simulator.recommenders.linear import PRIOR
from simulator.recommenders.next_item import BLOCK, REREAD
from simulator.recommenders.objective import Objective
from simulator.recommenders.sequences import batches, newest, steps
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer, extended
from simulator.recommenders.tokenizers.residual_kmeans import ResidualKmeans
from simulator.recommenders.trie import Trie
from simulator.seeds import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.tiger_network import TigerNetwork

EXACT_BLOCK = 8
"""Rows answered at a time where every path is walked, padded as a BLOCK is where few are followed."""


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

    learns_preferences: ClassVar[bool] = False
    warm: ClassVar[bool] = True
    sequential: ClassVar[bool] = True
    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    tokenizer: Tokenizer = field(default_factory=lambda: ResidualKmeans(digits=2))
    decode: Literal["beam", "exact"] = "beam"
    beam: Annotated[int, Field(ge=1)] = 20
    temperature: Annotated[float, Field(gt=0)] = 1.0
    gumbel: Annotated[float, Field(ge=0)] = 0.0
    ghosts: bool = True
    epochs: Annotated[int, Field(ge=1)] = 6
    refit_epochs: Annotated[int, Field(ge=1)] = 1
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
    _counts: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _network: "TigerNetwork | None" = field(init=False, repr=False, default=None)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Tokenize and train; with a network already there, keep its items' IDs, give new items theirs, train on."""
        import torch

        if self.objective.prefers:
            raise InvalidInput("tiger learns no preferences (sdpo, self_play); use semantic_id or sasrec for them")
        before = self._network
        if before is None:
            self.tokenizer.fit(log, catalog, rng)
        self._counts = log.counts(len(catalog))
        self._codes = extended(self._codes, self.tokenizer.encode(log, catalog, rng))
        self._paths = told_apart(self._codes, self._paths, self._counts)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._network = self._new_network()
            if before is not None:
                self._network.take_over(before.state_dict())
            self._train(log, before is not None, rng, progress)

    def _new_network(self) -> "TigerNetwork":
        from simulator.recommenders.tiger_network import TigerNetwork

        alike = int(self._paths[:, -1].max(initial=0)) + 1
        sizes = (*[self.tokenizer.codes] * self.tokenizer.digits, alike)
        self._trie = Trie.of(self._paths, sizes)
        shape = {"length": self.length, "width": self.width, "blocks": self.blocks}
        return TigerNetwork(sizes, dropout=self.dropout, **shape).eval()

    def _train(self, log: Interactions, warm: bool, rng: np.random.Generator, progress: Progress) -> None:
        """Minimize the cross-entropy of every digit of every next item."""
        import torch

        from simulator.recommenders.training import Course

        assert self._network is not None
        epochs, slower = (self.refit_epochs, REREAD) if warm else (self.epochs, 1)
        total = epochs * steps(log, self.length, self.batch, rng)
        if not total:
            return
        rates = Course(epochs, self.length, self.batch, self.learning_rate / slower).rates(total)
        network, weights = self._network.train(), self.objective.weights(self._counts)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
        for epoch in range(epochs):
            for told, targets in batches(log, self.length, self.batch, rng):
                optimizer.param_groups[0]["lr"] = next(rates)
                optimizer.zero_grad()
                torch.autograd.backward(self._loss(network, told.items, targets, weights))
                optimizer.step()
            progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
        network.eval()

    def _loss(self, network: "TigerNetwork", inputs: Ints, targets: Ints, weights: Floats | None) -> "Tensor":
        """Return the mean cross-entropy over digits and over places where input and target are both real."""
        import torch

        from simulator.recommenders.cross_entropy import mean_cross_entropy

        real = (inputs > 0) & (targets > 0)
        after = np.where(targets > 0, targets, np.pad(inputs[:, 1:], ((0, 0), (0, 1))))
        told = network(self._told(np.concatenate([inputs[:, :1], after], axis=1)))[torch.from_numpy(real)]
        wanted = targets[real] - 1
        paths = torch.from_numpy(self._paths[wanted])
        each = None if weights is None else torch.from_numpy(weights[wanted]).float()
        losses = [mean_cross_entropy(network.logits(told[:, d], d), paths[:, d], each) for d in range(paths.shape[1])]
        return torch.stack(losses).mean()

    def _told(self, items: Ints) -> "Tensor":
        """Return (..., digits) paths of items + 1, NO_CODE where there is none."""
        import torch

        return torch.from_numpy(np.where(items[..., None] > 0, self._paths[np.maximum(items - 1, 0)], NO_CODE))

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
        share = PRIOR * self._counts / max(self._counts.sum(), 1.0)
        return np.tile(np.where(self._codes[:, 0] != NO_CODE, share, -np.inf), (rows, 1))

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

    def _reading(self, sequences: Ints) -> "tuple[Tensor, Continue]":
        """Return the log-probabilities of the first digit after histories, and what continues them."""
        assert self._network is not None
        reading = self._network.read(self._told(sequences))
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
        return {**ids, "counts": self._counts, **tokenizer, **network}

    def load_state(self, state: State) -> None:
        """Take over IDs, tokenizer and network."""
        import torch

        self._codes, self._paths = (np.asarray(state[name], dtype=np.int64) for name in ("codes", "paths"))
        self._counts = np.asarray(state["counts"], dtype=np.float64)
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
