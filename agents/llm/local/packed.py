"""Score many continuations of one prefix in one forward pass."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

BLOCK = 64
"""Prefix tokens computed together. A prefix is always cut at multiples of it, cached or not."""

Keys = tuple[tuple[torch.Tensor, torch.Tensor], ...]
"""Keys and values of one block, per layer, each (1, heads, BLOCK, head size)."""


class Scores(NamedTuple):
    """Natural log-probabilities, and how many prefix tokens did not have to be read again."""

    logprobs: tuple[float, ...]
    reused: int


class PackedScorer:
    """Log-probabilities from a causal language model, a function of the question alone.

    The whole blocks of a prefix go through the network one by one, each on top of its
    predecessors; their keys and values are kept, least recently used first out. What is left of
    the prefix and all continuations go through together: every continuation sees the prefix and
    itself, and positions start again after the prefix. Shapes depend on nothing but the question,
    and a cached block is the tensor that would be computed again, so that a hit and a miss give the
    same bits. Threads may share a scorer.
    """

    def __init__(self, network: Any, cache_bytes: int) -> None:
        self.network = network
        self.context = int(network.config.max_position_embeddings)
        self._blocks = _Blocks(cache_bytes)

    @torch.inference_mode()
    def continuations(self, prefix: Sequence[int], continuations: Sequence[Sequence[int]]) -> Scores:
        """Return, for each continuation, the sum of its tokens' log-probabilities after the prefix."""
        past, rest, reused = self._past(prefix)
        inputs = [tokens[:-1] for tokens in continuations]
        logits = self._pass(past, rest, inputs, keep_from=len(rest) - 1)
        return Scores(tuple(_sums(torch.log_softmax(logits, dim=-1), continuations)), reused)

    @torch.inference_mode()
    def next_token(self, prefix: Sequence[int], tokens: Sequence[int]) -> Scores:
        """Return the log-probability of each token as the next one."""
        past, rest, reused = self._past(prefix)
        logits = self._pass(past, rest, [], keep_from=len(rest) - 1)
        return Scores(tuple(torch.log_softmax(logits[0], dim=-1)[list(tokens)].tolist()), reused)

    @torch.inference_mode()
    def opened(self, prefix: Sequence[int]) -> tuple[Any, torch.Tensor, int]:
        """Return a cache that holds a prefix, the log-probabilities of what comes next, and the tokens reused."""
        past, rest, reused = self._past(prefix)
        cache = _cache(past)
        logits = self._forward(cache, rest, [], keep=torch.tensor([len(rest) - 1]))
        return cache, torch.log_softmax(logits[0], dim=-1), reused

    def _past(self, prefix: Sequence[int]) -> tuple[list[Keys], Sequence[int], int]:
        """Return the blocks of a prefix, the 1 to BLOCK tokens after them, and the tokens reused."""
        past: list[Keys] = []
        reused = 0
        whole = (len(prefix) - 1) // BLOCK * BLOCK
        for end in range(BLOCK, whole + BLOCK, BLOCK):
            tokens = tuple(prefix[:end])
            block = self._blocks.get(tokens)
            reused += BLOCK if block else 0
            past.append(block or self._read(tokens, past))
        return past, prefix[whole:], reused

    def _read(self, tokens: tuple[int, ...], past: list[Keys]) -> Keys:
        """Compute and keep the keys and values of the last BLOCK of ``tokens``."""
        cache = _cache(past)
        self._forward(cache, tokens[-BLOCK:], [], keep=torch.tensor([BLOCK - 1]))
        block = tuple(
            (layer.keys[:, :, -BLOCK:].clone(), layer.values[:, :, -BLOCK:].clone()) for layer in cache.layers
        )
        self._blocks.put(tokens, block)
        return block

    def _pass(
        self, past: list[Keys], rest: Sequence[int], continuations: Sequence[Sequence[int]], keep_from: int
    ) -> torch.Tensor:
        count = len(rest) + sum(map(len, continuations))
        return self._forward(_cache(past), rest, continuations, keep=torch.arange(keep_from, count))

    def _forward(
        self, cache: Any, shared: Sequence[int], branches: Sequence[Sequence[int]], keep: torch.Tensor
    ) -> torch.Tensor:
        """Return logits (kept positions, vocabulary) and add what was read to the cache."""
        before = cache.get_seq_length()
        output = self.network(
            **_layout(before, shared, branches),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        logits: torch.Tensor = output.logits[0]
        return logits


def differentiable(network: Any, prefix: Sequence[int], continuations: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return what ``PackedScorer.continuations`` sums, as a tensor that gradients flow through, in one pass."""
    inputs = _layout(0, prefix, [tokens[:-1] for tokens in continuations])
    keep = torch.arange(len(prefix) - 1, inputs["input_ids"].shape[1])
    inputs = {name: tensor.to(network.device) for name, tensor in (inputs | {"logits_to_keep": keep}).items()}
    logprobs = torch.log_softmax(network(**inputs, use_cache=False).logits[0], dim=-1)
    pairs = zip(_rows(continuations), continuations, strict=True)
    return torch.stack([logprobs[rows, list(tokens)].sum() for rows, tokens in pairs])


class _Blocks:
    """Keys and values by the tokens up to the block's end: bounded, least recently used first out."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held = 0
        self._blocks: OrderedDict[tuple[int, ...], Keys] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tokens: tuple[int, ...]) -> Keys | None:
        with self._lock:
            block = self._blocks.get(tokens)
            if block is not None:
                self._blocks.move_to_end(tokens)
            return block

    def put(self, tokens: tuple[int, ...], block: Keys) -> None:
        with self._lock:
            if tokens not in self._blocks:
                self._blocks[tokens] = block
                self._held += _size(block)
            while self._held > self._most:
                self._held -= _size(self._blocks.popitem(last=False)[1])


def _cache(past: list[Keys]) -> Any:
    """Return a cache of the network's kind, filled with copies of the blocks."""
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, pairs in enumerate(zip(*past, strict=True)):
        keys, values = (torch.cat(parts, dim=2) for parts in zip(*pairs, strict=True))
        cache.update(keys, values, layer)
    return cache


def _layout(before: int, shared: Sequence[int], branches: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Return the network's inputs for tokens that all share, after ``before`` others, and branches after them."""
    tokens, positions, segments = list(shared), list(range(before, before + len(shared))), [0] * len(shared)
    for number, branch in enumerate(branches, start=1):
        tokens += branch
        positions += range(before + len(shared), before + len(shared) + len(branch))
        segments += [number] * len(branch)
    return {
        "input_ids": torch.tensor([tokens]),
        "position_ids": torch.tensor([positions]),
        "attention_mask": _mask(before, torch.tensor(segments)),
    }


def _mask(before: int, segments: torch.Tensor) -> torch.Tensor:
    """Return the additive mask (1, 1, rows, before + rows): own segment and shared tokens, none later."""
    rows = len(segments)
    own = (segments[None, :] == 0) | (segments[None, :] == segments[:, None])
    seen = torch.cat([torch.ones(rows, before, dtype=torch.bool), own.tril()], dim=1)
    return torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]


def _rows(continuations: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return, for each continuation, the rows of the kept logits that predict its tokens.

    Row 0 predicts every first token; then come, continuation by continuation, the rows that predict
    the following tokens.
    """
    found, row = [], 1
    for tokens in continuations:
        found.append([0, *range(row, row + len(tokens) - 1)])
        row += max(len(tokens) - 1, 0)
    return found


def _sums(logprobs: torch.Tensor, continuations: Sequence[Sequence[int]]) -> list[float]:
    """Sum each continuation's token log-probabilities in order."""
    return [
        sum(float(logprobs[at, token]) for at, token in zip(rows, tokens, strict=bool(tokens)))
        for rows, tokens in zip(_rows(continuations), continuations, strict=True)
    ]


def _size(block: Keys) -> int:
    return sum(tensor.nbytes for pair in block for tensor in pair)
