"""Search the likeliest of given texts after a prefix, following several of their beginnings at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

import numpy as np
import torch

from agents.llm.local.packed import PackedScorer
from agents.schema import Ints

END = -1
"""Stands behind the last token of a text."""


@dataclass(frozen=True, slots=True)
class Node:
    """A beginning that the sorted texts ``low`` to ``high - 1`` share: ``depth`` tokens, all but the last read."""

    low: int
    high: int
    depth: int
    logprob: float
    seen: tuple[int, ...] = field(default=(), repr=False)
    """Where the keys of the tokens before its last lie, counted from the end of the prefix."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best texts by their places, the best first, and how many prefix tokens did not have to be read again."""

    best: tuple[tuple[int, float], ...]
    reused: int
    read: int
    """Tokens read after the prefix."""


@torch.inference_mode()
def likeliest(scorer: PackedScorer, prefix: Sequence[int], texts: Sequence[Sequence[int]], beams: int) -> Found:
    """Return at most ``beams`` texts with the sums of their tokens' log-probabilities.

    Of the beginnings of each step the ``beams`` likeliest are followed, unless they have fallen below as many whole
    texts. Where one text alone is left of a beginning, the rest of it is read at once. Of equal texts the first counts.
    """
    places, table = _sorted(texts)
    cache, logits, reused = scorer.opened(prefix)
    done: list[tuple[float, int]] = []
    read = 0
    live = _children(table, Node(0, len(table), 0, 0.0), logits, done, ())
    while live:
        bound = min(nlargest(beams, (value for value, _ in done))) if len(done) >= beams else -np.inf
        ahead = sorted((node for node in live if node.logprob > bound), key=lambda node: (-node.logprob, node.low))
        ahead = ahead[:beams]
        runs = [_run(table, node) for node in ahead]
        if not ahead:
            break
        rows, spots = _read(scorer, cache, len(prefix), ahead, runs, read)
        live = []
        for node, run, logprobs, mine in zip(ahead, runs, rows, spots, strict=True):
            if node.high - node.low == 1:
                rest = table[node.low, node.depth : node.depth + len(run)]
                done.append(
                    (node.logprob + sum(float(row[t]) for row, t in zip(logprobs, rest, strict=True)), node.low)
                )
            else:
                live += _children(table, node, logprobs[-1], done, (*node.seen, *mine))
        read += sum(map(len, runs))
    best = sorted(done, key=lambda one: (-one[0], places[one[1]]))[:beams]
    return Found(tuple((int(places[row]), value) for value, row in best), reused, read)


def _sorted(texts: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Return the places of the different texts in lexical order, and their tokens (texts, longest + 1), END behind."""
    table = np.full((len(texts), max(map(len, texts), default=0) + 1), END, dtype=np.int64)
    for row, text in enumerate(texts):
        table[row, : len(text)] = text
    if not len(table):
        return np.zeros(0, dtype=np.int64), table
    different, places = np.unique(table, axis=0, return_index=True)
    return places, different


def _children(
    table: Ints, node: Node, logprobs: torch.Tensor, done: list[tuple[float, int]], seen: tuple[int, ...]
) -> list[Node]:
    """Return the beginnings one token longer; a text that ends here goes to ``done``."""
    column = table[node.low : node.high, node.depth]
    tokens, starts = np.unique(column, return_index=True)
    ends = np.append(starts, len(column))[1:].tolist()
    found = []
    for token, start, end in zip(tokens.tolist(), starts.tolist(), ends, strict=True):
        if token == END:
            done.append((node.logprob, node.low))
            continue
        low, value = node.low + start, node.logprob + float(logprobs[token])
        if end - start == 1 and table[low, node.depth + 1] == END:
            done.append((value, low))
        else:
            found.append(Node(low, node.low + end, node.depth + 1, value, seen))
    return found


def _run(table: Ints, node: Node) -> list[int]:
    """Return the tokens to read next: a beginning's last and, where one text is left, what follows but for its last."""
    row = table[node.low, node.depth - 1 :]
    whole: list[int] = row[: int(np.argmax(row == END))].tolist()
    return whole[:-1] if node.high - node.low == 1 else whole[:1]


def _read(
    scorer: PackedScorer, cache: Any, prefix: int, nodes: Sequence[Node], runs: Sequence[Sequence[int]], before: int
) -> tuple[list[torch.Tensor], list[list[int]]]:
    """Read the runs, each behind its own beginning; return log-probabilities after each token, and where keys lie."""
    tokens = [token for run in runs for token in run]
    positions = [prefix + node.depth - 1 + i for node, run in zip(nodes, runs, strict=True) for i in range(len(run))]
    seen = torch.zeros(len(tokens), prefix + before + len(tokens), dtype=torch.bool)
    seen[:, :prefix] = True
    rows, spots, at = [], [], 0
    for node, run in zip(nodes, runs, strict=True):
        own = slice(at, at + len(run))
        seen[own, [prefix + spot for spot in node.seen]] = True
        seen[own, prefix + before + at : prefix + before + at + len(run)] = torch.ones(len(run), len(run)).tril().bool()
        spots.append(list(range(before + at, before + at + len(run))))
        at += len(run)
    mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]
    output = scorer.network(
        input_ids=torch.tensor([tokens]),
        position_ids=torch.tensor([positions]),
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
    )
    logprobs = torch.log_softmax(output.logits[0], dim=-1)
    for spot, run in zip(spots, runs, strict=True):
        first = spot[0] - before
        rows.append(logprobs[first : first + len(run)])
    return rows, spots
