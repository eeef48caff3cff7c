"""What diffusion recommenders share: how they are trained, asked, saved and loaded."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from agents.errors import InvalidInput
from agents.schema import Bools, Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import CHUNK, Progress, Requests, Scorer, State, silent, under
from simulator.recommenders.linear import PRIOR
from simulator.seeds import Words

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.diffusion_process import Denoiser


@dataclass
class Diffusion(Scorer):
    """Score items by what undoing noise makes of a request.

    Where noise is drawn in serving, a slate is a draw: the same for the same request, another for another seed.

    epochs: passes over the log in a first fit.
    refit_epochs: passes in a refit that continues from the current state.
    dropout: share of what the network reads that is silenced in training.
    steps: steps in which noise comes in.
    sampling_steps: steps in which noise is undone in serving.
    sampling_noise: noise drawn in serving relative to what training draws (0: none, so a slate is no draw).
    learning_rate: of a first fit; refits take a quarter.
    batch: rows per step of training.
    """

    warm: ClassVar[bool] = True
    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    epochs: Annotated[int, Field(ge=1)] = 40
    refit_epochs: Annotated[int, Field(ge=1)] = 5
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    steps: Annotated[int, Field(ge=1)] = 5
    sampling_steps: Annotated[int, Field(ge=1)] = 1
    sampling_noise: Annotated[float, Field(ge=0)] = 0.0
    learning_rate: Annotated[float, Field(gt=0)] = 0.002
    batch: Annotated[int, Field(ge=1)] = 64
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _network: "Denoiser | None" = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.sampling_steps > self.steps:
            raise InvalidInput(
                f"sampling_steps: {self.sampling_steps} is more than the {self.steps} steps there are to undo"
            )

    def prepare(self, log: Interactions, n_items: int, rng: np.random.Generator) -> None:
        """Learn what the network is made from, before a first fit; optional."""

    @abstractmethod
    def new_network(self, n_items: int) -> "Denoiser":
        """Return an untrained network."""

    @abstractmethod
    def training(self, log: Interactions, rng: np.random.Generator) -> Iterator[Iterable[tuple["Tensor", ...]]]:
        """Yield epochs without end, each the batches whose losses the network is to lower."""

    @abstractmethod
    def read(self, requests: Requests, known: Bools) -> npt.NDArray[Any]:
        """Return one row of numbers per request, made from its known items: all 0 where it has none."""

    @abstractmethod
    def answers(self, network: Any, read: "Tensor", seed: Words) -> "Tensor":
        """Return the (CHUNK, items) scores of CHUNK rows that were read."""

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Train; with a network already there for as many items, train on."""
        import torch

        before = self._network if len(self._prior) == len(catalog) else None
        counts = log.counts(len(catalog))
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        if before is None:
            self.prepare(log, len(catalog), rng)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._network = self.new_network(len(catalog))
            if before is not None:
                self._network.load_state_dict(before.state_dict())
            self._train(self._network, log, before is not None, rng, progress)

    def _train(
        self, network: "Denoiser", log: Interactions, warm: bool, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Lower the network's loss epoch by epoch."""
        import torch

        epochs = self.refit_epochs if warm else self.epochs
        rate = self.learning_rate / 4 if warm else self.learning_rate
        optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True)  # whole rows make the weights many
        for epoch, batches in zip(range(epochs), self.training(log, rng), strict=False):
            for batch in batches:
                optimizer.zero_grad()
                torch.autograd.backward(network.loss(*batch))
                optimizer.step()
            progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
        network.eval()

    def score(self, requests: Requests) -> Floats:
        """Return the network's scores and a trace of popularity, which alone serves histories of nothing known."""
        known = self._prior > 0
        read = self.read(requests, known)
        asked = np.asarray(read.any(axis=1))
        scores = np.tile(self._prior, (len(requests), 1))
        for first in range(0, len(requests), CHUNK):
            rows = slice(first, first + CHUNK)
            if asked[rows].any():
                scores[rows] += np.where(asked[rows, None], self._block(read[rows], requests.seed[rows]), 0.0)
        scores[:, ~known] = -np.inf
        return scores

    def _block(self, read: npt.NDArray[Any], seed: Words) -> Floats:
        """Return the scores of at most CHUNK rows, padded so that no row's rounding depends on the batch."""
        import torch

        padded, seeds = np.zeros((CHUNK, read.shape[1]), dtype=read.dtype), np.zeros(CHUNK, dtype=np.uint64)
        padded[: len(read)], seeds[: len(read)] = read, seed
        with torch.inference_mode():
            scores = self.answers(self._network, torch.from_numpy(padded), seeds)
        return scores.numpy()[: len(read)].astype(np.float64)

    def state(self) -> State:
        """Return popularity, and the network's tensors under their prefix."""
        assert self._network is not None, "fit before asking for the state"
        tensors = {f"network.{name}": value.numpy(force=True) for name, value in self._network.state_dict().items()}
        return {"prior": self._prior, **tensors}

    def load_state(self, state: State) -> None:
        """Take over popularity and network."""
        import torch

        self._prior = np.asarray(state["prior"], dtype=np.float64)
        self._network = self.new_network(len(self._prior)).eval()
        # a copy: the tensors must not share memory with the state that is handed in
        self._network.load_state_dict({k: torch.tensor(v) for k, v in under("network.", state).items()})
