"""A language model served in this process by llama.cpp, from the ``xllamacpp`` wheel."""

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agents import models
from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Kind, LanguageModel, Prompt
from agents.llm.openai import OpenAI

_LISTED = 200


@dataclass
class LlamaCpp(LanguageModel):
    """Start llama.cpp's server on a free port of this machine, ask it, and stop it.

    model: name of a fetched model (``models list``), or the path of a GGUF file.
    threads: CPU threads.
    parallel: questions it works on at once; above 1 it is faster and reuses prefixes, but an answer
    may differ in its last bits with what else is asked meanwhile.
    context: tokens a question and its answer may take.
    timeout_s: wall-clock seconds an answer may take.
    """

    model: str
    threads: int = 2
    parallel: int = 1
    context: int = 2048
    timeout_s: float = 120.0
    _server: Any = field(default=None, init=False, repr=False)
    _endpoint: OpenAI | None = field(default=None, init=False, repr=False)

    @cached_property
    def fingerprint(self) -> str:
        """Name weights and context; the port is nobody's business."""
        return f"llamacpp/1 {models.identity(self.model)} context={self.context}"

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return everything but likelihood: the server gives no log-probabilities of a prompt."""
        return frozenset(("text", "structured", "labels"))

    async def open(self) -> None:
        """Load the weights and start serving; raise MissingResource where either fails."""
        path = str(models.gguf(self.model))
        self._server = await asyncio.to_thread(self._start, path)
        url = f"{self._server.listening_address}/v1"
        self._endpoint = OpenAI(self.model, base_url=url, timeout_s=self.timeout_s, transport="lean")
        self._endpoint.connect(listed=_LISTED, cache_prompt=self.parallel > 1)

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer one prompt; the schema of a structured one becomes a grammar."""
        if prompt.kind not in self.kinds:
            raise InvalidInput(f"llm kind llamacpp cannot answer {prompt.kind!r} prompts; use kind transformers")
        assert self._endpoint is not None, "asked before it was opened"
        return await self._endpoint.ask(prompt)

    async def close(self) -> None:
        """Stop the server and free the weights; idempotent."""
        if self._endpoint is not None:
            await self._endpoint.close()
        self._endpoint = self._server = None

    def _start(self, path: str) -> Any:
        import xllamacpp

        try:
            return xllamacpp.Server(self._parameters(xllamacpp.CommonParams(), path))
        except RuntimeError as error:
            raise MissingResource(f"llama.cpp cannot serve {path}: {error}; is it a whole GGUF file?") from error

    def _parameters(self, parameters: Any, path: str) -> Any:
        parameters.model.path = path
        parameters.hostnames = ["127.0.0.1"]
        parameters.port = 0
        parameters.offline, parameters.ui, parameters.warmup = True, False, False
        parameters.verbosity = -1
        parameters.n_ctx, parameters.n_parallel = self.context * self.parallel, self.parallel
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = self.threads
        if self.parallel == 1:
            parameters.cache_ram_mib, parameters.cache_prompt = 0, False
        return parameters
