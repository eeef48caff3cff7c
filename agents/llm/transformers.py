"""A language model in this process, for likelihoods, labels and vectors, by the ``transformers`` library."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from agents import models
from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, LanguageModel, Prompt
from agents.llm.local import adapter, network

if TYPE_CHECKING:
    from agents.llm.local.packed import PackedScorer
    from agents.llm.local.states import States

T = TypeVar("T")
_TEXTS = 1 << 16
"""Continuations whose tokens are remembered: catalogs ask for the same titles over and over."""


@dataclass
class Transformers(LanguageModel):
    """Load safetensors weights into this process and read probabilities and states off them.

    model: name of a fetched model (``models list``), or a folder with safetensors and tokenizer.
    adapter: folder of a LoRA adapter, such as ``tune`` writes; none by default.
    threads: questions computed at once, each on one core; answers do not depend on it.
    cache_mb: memory for the keys and values of prefixes met before.
    """

    model: str
    threads: int = 2
    cache_mb: int = 512
    adapter: str = ""
    _workers: ThreadPoolExecutor = field(init=False, repr=False)
    _scorer: "PackedScorer" = field(init=False, repr=False)
    _states: "States" = field(init=False, repr=False)
    _tokenizer: Any = field(init=False, repr=False)
    _tokens: Callable[[str], list[int]] = field(init=False, repr=False)

    @cached_property
    def fingerprint(self) -> str:
        """Name weights, precision and the way scores are computed."""
        tuned = f" adapter {adapter.identity(self.adapter)}" if self.adapter else ""
        return f"transformers/1 {models.identity(self.model)} float32{tuned}"

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return what is read off probabilities, and embedding."""
        return frozenset(("likelihood", "labels", "embedding", "beam"))

    async def open(self) -> None:
        """Load the weights (some seconds); raise MissingResource where they are not."""
        folder = models.safetensors(self.model)
        self._workers = ThreadPoolExecutor(self.threads, "transformers", _compute_on_one_core)
        await self._in_worker(lambda: self._load(str(folder)))

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer on one of the worker threads, first come, first served."""
        if prompt.kind not in self.kinds:
            raise InvalidInput(f"llm kind transformers cannot answer {prompt.kind!r} prompts; use openai or llamacpp")
        return await self._in_worker(lambda: self._answer(prompt))

    async def close(self) -> None:
        """Finish the computations under way and stop the workers."""
        if hasattr(self, "_workers"):
            self._workers.shutdown(wait=True, cancel_futures=True)

    async def _in_worker(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    def _load(self, folder: str) -> None:
        from agents.llm.local.packed import PackedScorer
        from agents.llm.local.states import States

        weights, self._tokenizer = network.load(folder)
        if self.adapter:
            adapter.merge(weights, self.adapter)
        self._tokens = lru_cache(maxsize=_TEXTS)(partial(network.tokens, self._tokenizer))
        self._scorer = PackedScorer(weights, cache_bytes=self.cache_mb << 20)
        self._states = States(weights)

    def _answer(self, prompt: Prompt) -> Answer:
        started = time.perf_counter()
        prefix = network.prefix(self._tokenizer, prompt.messages) if prompt.messages else []
        continuations = [self._tokens(text) for text in prompt.continuations]
        longest = len(prefix) + max(map(len, continuations), default=0)
        if longest > self._scorer.context:
            error = f"the prompt has {longest} tokens, the model reads {self._scorer.context}"
            return Answer(status="failed", error=error, finish_reason="length")
        if prompt.kind == "embedding":
            return self._read(continuations, started)
        if prompt.kind == "beam":
            return self._search(prompt, prefix, continuations, started)
        if prompt.kind == "labels":
            scores = self._scorer.next_token(prefix, [self._label(text) for text in prompt.labels])
        else:
            scores = self._scorer.continuations(prefix, continuations)
        return Answer(
            status="ok",
            logprobs=scores.logprobs,
            lengths=tuple(map(len, continuations)),
            tokens_in=len(prefix) + sum(map(len, continuations)),
            tokens_cached=scores.reused,
            latency_s=time.perf_counter() - started,
        )

    def _read(self, texts: list[list[int]], started: float) -> Answer:
        if not all(texts):
            return Answer(status="failed", error="a text without a token cannot be read")
        vectors, spent = self._states.of(texts), time.perf_counter() - started
        lengths = tuple(map(len, texts))
        return Answer(status="ok", vectors=vectors, lengths=lengths, tokens_in=sum(lengths), latency_s=spent)

    def _search(self, prompt: Prompt, prefix: Sequence[int], texts: Sequence[Sequence[int]], started: float) -> Answer:
        from agents.llm.local.beam import likeliest

        found = likeliest(self._scorer, prefix, texts, prompt.beams)
        return Answer(
            status="ok",
            text=json.dumps(found.best),
            tokens_in=len(prefix) + found.read,
            tokens_cached=found.reused,
            latency_s=time.perf_counter() - started,
        )

    def _label(self, text: str) -> int:
        tokens = network.tokens(self._tokenizer, text)
        if len(tokens) != 1:
            raise InvalidInput(f"the label {text!r} is {len(tokens)} tokens of {self.model}; labels must be one token")
        return tokens[0]


def _compute_on_one_core() -> None:
    """Keep torch from splitting one question over cores: whole questions in parallel need no barriers."""
    import torch

    torch.set_num_threads(1)
