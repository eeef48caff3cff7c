"""IDs by a residual-quantized autoencoder: codes that serve to rebuild the item's coordinates."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats, Ints
from simulator.recommenders.base import State, under
from simulator.recommenders.tokenizers.clusters import cluster, nearest, revived
from simulator.recommenders.tokenizers.quantizer import Quantizer

if TYPE_CHECKING:
    from torch import Tensor, nn

COMMITMENT = 0.25
"""Weight of what draws the encoder to the codes, beside what draws the codes to the encoder (Lee et al., CVPR 2022)."""
HIDDEN = 64
LEARNING_RATE = 0.003
REVIVAL = 10
"""Steps after which codes that no item uses are moved."""


@dataclass
class RqVae(Quantizer):
    """Learn an autoencoder whose middle is a sum of codes, each of what those before leave (TIGER, NeurIPS 2023).

    digits: codes per item, coarse to fine.
    codes: different codes per digit.
    width: dimensions of the points.
    latent: dimensions of the middle.
    steps: steps of training, all items in each.
    """

    digits: Annotated[int, Field(ge=1)] = 3
    codes: Annotated[int, Field(ge=2)] = 64
    width: Annotated[int, Field(ge=1)] = 32
    latent: Annotated[int, Field(ge=1)] = 16
    steps: Annotated[int, Field(ge=1)] = 300
    _mean: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _spread: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _encoder: "nn.Sequential | None" = field(init=False, repr=False, default=None)
    _books: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0, 0)))

    @property
    def dimensions(self) -> int:
        """Return ``width``."""
        return self.width

    def learn(self, points: Floats, rng: np.random.Generator) -> None:
        """Train on points of mean 0 and deviation 1 in each dimension, from k-means++ clusters of what is encoded."""
        import torch

        self._mean = points.mean(axis=0) if len(points) else np.zeros(self.width)
        self._spread = np.maximum(points.std(axis=0), 1e-6) if len(points) else np.ones(self.width)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._encoder, decoder = self._layers(self.width, self.latent), self._layers(self.latent, self.width)
            self._books = self._clustered(points, rng)
            if len(points):
                self._train(points, decoder)

    def _train(self, points: Floats, decoder: "nn.Sequential") -> None:
        """Minimize the error of rebuilding, of codes against what they stand for, and of that against its codes."""
        import torch
        from torch.nn.functional import mse_loss

        assert self._encoder is not None
        wanted = torch.from_numpy(self._standard(points))
        books = torch.nn.Parameter(torch.from_numpy(self._books).float())
        parameters = [*self._encoder.parameters(), *decoder.parameters(), books]
        optimizer = torch.optim.Adam(parameters, LEARNING_RATE)
        for step in range(self.steps):
            encoded = self._encoder(wanted)
            whole, loss = self._quantized(encoded, books)
            passed_on = encoded + (whole - encoded).detach()  # the decoder's gradient goes to the encoder unchanged
            loss = loss + mse_loss(decoder(passed_on), wanted)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            if (step + 1) % REVIVAL == 0 or step + 1 == self.steps:
                self._books = self._revived(points, books.numpy(force=True).astype(np.float64))
                books.data.copy_(torch.from_numpy(self._books))

    def _quantized(self, encoded: "Tensor", books: "Tensor") -> "tuple[Tensor, Tensor]":
        """Return the sum of codes, and how far codes and what they stand for are from each other, each to be drawn."""
        import torch
        from torch.nn.functional import mse_loss

        left, whole, loss = encoded, torch.zeros_like(encoded), torch.zeros(())
        for book in books:
            chosen = book[torch.cdist(left.detach(), book.detach()).argmin(dim=1)]
            loss = loss + mse_loss(chosen, left.detach()) + COMMITMENT * mse_loss(left, chosen.detach())
            left, whole = left - chosen.detach(), whole + chosen
        return whole, loss

    def _clustered(self, points: Floats, rng: np.random.Generator) -> Floats:
        """Return codes from clusters of what is encoded, digit by digit."""
        left, books = self._encoded(points), []
        for _ in range(self.digits):
            books.append(cluster(left, self.codes, rng))
            left = left - books[-1][nearest(left, books[-1])] if len(left) else left
        return np.stack(books)

    def _revived(self, points: Floats, books: Floats) -> Floats:
        """Return the codes with unused ones put where the used ones are farthest off, digit by digit."""
        left, kept = self._encoded(points), []
        for book in books:
            kept.append(revived(left, book))
            left = left - kept[-1][nearest(left, kept[-1])]
        return np.stack(kept).astype(np.float32).astype(np.float64)

    def quantize(self, points: Floats) -> Ints:
        """Return the nearest code of what the digits before leave, digit by digit."""
        left, codes = self._encoded(points), []
        for book in self._books:
            codes.append(nearest(left, book))
            left = left - book[codes[-1]]
        return np.stack(codes, axis=1)

    def _standard(self, points: Floats) -> "np.typing.NDArray[np.float32]":
        return np.asarray((points - self._mean) / self._spread, dtype=np.float32)

    def _encoded(self, points: Floats) -> Floats:
        import torch

        assert self._encoder is not None
        with torch.inference_mode():
            return np.asarray(self._encoder(torch.from_numpy(self._standard(points))).numpy(), dtype=np.float64)

    @staticmethod
    def _layers(inputs: int, outputs: int) -> "nn.Sequential":
        from torch import nn

        return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))

    def learned(self) -> State:
        """Return what standardizes, the encoder's tensors and the codes."""
        assert self._encoder is not None, "fit before asking for the state"
        layers = {f"encoder.{name}": value.numpy(force=True) for name, value in self._encoder.state_dict().items()}
        return {"mean": self._mean, "spread": self._spread, "books": self._books, **layers}

    def take_over(self, state: State) -> None:
        """Take over what standardizes, encoder and codes."""
        import torch

        self._mean, self._spread, self._books = (
            np.asarray(state[name], dtype=np.float64) for name in ("mean", "spread", "books")
        )
        self._encoder = self._layers(self.width, self.latent)
        self._encoder.load_state_dict({k: torch.tensor(v) for k, v in under("encoder.", state).items()})
