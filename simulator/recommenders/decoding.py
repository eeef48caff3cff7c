"""Search a trie of semantic IDs: for the best by beam, or through all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from agents.schema import PAD, Bools, Floats, Ints
from simulator.recommenders.trie import Trie

if TYPE_CHECKING:
    from torch import Tensor

Memory = list[tuple["Tensor", "Tensor"]]
"""What a distribution remembers of W prefixes it continued, along dimension 2; empty at the start."""
Continue = Callable[[int, "Tensor", Memory, "Tensor"], "tuple[Tensor, Memory]"]
"""``(depth, code, memory, beam)``: after the (B, W) codes that end prefixes of ``depth`` digits, return (B, W, codes)
log-probabilities of the next digit. ``memory`` is what was returned for the digit before, ``beam`` (B, W) says
which of its prefixes each continues."""
Noise = Callable[[int, "Tensor"], "Tensor"]
"""``(depth, nodes)``: return what is added to the log-probabilities of (B, N) nodes of a depth."""
CHUNK = 256
"""Prefixes that are continued at a time when all are."""


@dataclass(frozen=True)
class Decoder:
    """Sum log-probabilities along the paths of a trie; the length of paths is not normalized away.

    Without ``ghosts``, digits that are no choice (the only continuation of their prefix) add nothing
    (D3, arXiv 2406.14900). With ``noise``, each node's is added once to all paths through it.
    """

    trie: Trie
    ghosts: bool = True
    noise: Noise | None = None

    def beam(self, first: "Tensor", go_on: Continue, allowed: Bools, width: int) -> tuple[Ints, Floats]:
        """Return the items (B, W) and scores of the ``width`` best paths, PAD and NaN where fewer are allowed.

        ``first`` are (B, codes) log-probabilities of the first digit. Prefixes below which no item of
        ``allowed`` (B, items) is are never followed: beams need no room for what would be dropped in the end.
        """
        import torch

        memory: Memory = []
        node, score = torch.zeros((len(first), 1), dtype=torch.int64), torch.zeros((len(first), 1))
        likely, beam, below = first[:, None], node, self.trie.open(allowed)
        for depth, level in enumerate(self.trie.levels[:-1]):
            if depth and (self.ghosts or not level.lone[node.numpy()].all()):  # else no choice is left to anybody
                likely, memory = go_on(depth, torch.from_numpy(level.code)[node], memory, beam)
            child = torch.from_numpy(level.child)[node]
            gain = likely if self.ghosts else likely.masked_fill(torch.from_numpy(level.forced)[node][:, :, None], 0.0)
            total = (score[:, :, None] + gain[..., : child.shape[2]]).flatten(1)
            child = child.flatten(1)
            total = total if self.noise is None else total + self.noise(depth + 1, child)
            total.masked_fill_(~torch.from_numpy(below[depth + 1]).gather(1, child), -torch.inf)
            best = total.topk(min(width, total.shape[1]), dim=1)
            beam, score = best.indices // level.child.shape[1], best.values
            node = child.gather(1, best.indices).clamp(max=level.below - 1)
        item, found = self.trie.item[node.numpy()], score.numpy().astype(np.float64)
        return np.where(np.isfinite(found), item, PAD), np.where(np.isfinite(found), found, np.nan)

    def exact(self, first: "Tensor", go_on: Continue) -> Floats:
        """Return the (B, leaves) scores of all paths, each prefix continued once."""
        import torch

        memory: Memory = []
        score, earlier = first[:, :0].sum(1, keepdim=True), np.zeros(1, dtype=np.int64)
        for depth, (level, below) in enumerate(pairwise(self.trie.levels)):
            gain = torch.zeros((len(first), len(below.code)))
            if depth:
                asked = np.arange(len(level.code)) if self.ghosts else np.flatnonzero(~level.lone)
                place = np.searchsorted(earlier, level.parent[asked])
                memory = self._ask(depth, asked, place, memory, go_on, gain)
                earlier = asked
            else:
                gain[:] = first[:, below.code]
            if not self.ghosts:
                gain[:, level.forced[below.parent]] = 0.0
            score = score[:, below.parent] + gain
            if self.noise is not None:
                score = score + self.noise(depth + 1, torch.arange(score.shape[1]).expand(len(first), -1))
        return np.asarray(score.numpy(), dtype=np.float64)

    def _ask(self, depth: int, asked: Ints, place: Ints, memory: Memory, go_on: Continue, gain: "Tensor") -> Memory:
        """Write what follows the asked nodes of a depth into ``gain``; return what is remembered of them.

        ``place`` says where the nodes' parents are in ``memory``.
        """
        import torch

        level, below = self.trie.levels[depth], self.trie.levels[depth + 1]
        last, parts = depth + 2 == len(self.trie.levels), []
        for start in range(0, len(asked), CHUNK):
            nodes = asked[start : start + CHUNK]
            code, beam = (
                torch.from_numpy(of).expand(len(gain), -1) for of in (level.code[nodes], place[start : start + CHUNK])
            )
            likely, part = go_on(depth, code, memory, beam)
            children = np.flatnonzero(np.isin(below.parent, nodes))
            gain[:, children] = likely[:, np.searchsorted(nodes, below.parent[children]), below.code[children]]
            parts.append([] if last else part)
        return [(torch.cat(keys, 2), torch.cat(values, 2)) for keys, values in map(_columns, zip(*parts, strict=True))]


def _columns(pairs: "tuple[tuple[Tensor, Tensor], ...]") -> "tuple[tuple[Tensor, ...], tuple[Tensor, ...]]":
    """Return the keys of all pairs, then the values."""
    return tuple(key for key, _ in pairs), tuple(value for _, value in pairs)
