"""Generative recommendation by diffusing the embedding of the next item."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from agents.schema import Bools, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import Requests
from simulator.recommenders.diffusion import Diffusion
from simulator.recommenders.sequences import newest, windows
from simulator.seeds import Words

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.guided_network import GuidedNetwork

NEARLY_ALL = 0.9999
"""Share of the variance that is noise after the last step."""
TRACE = 1e-3
"""Weight of plain cosines where several draws are merged."""
HASTE = 4.0
"""Noise grows so that most steps hide the item: in many dimensions, little signal tells it already."""


@dataclass
class GuidedDiffusion(Diffusion):
    """Draw the next item's embedding from noise, guided by the history, and show the items nearest to it.

    The process is DreamRec's (NeurIPS 2023), the distance and the preference for the true item over others
    PreferDiff's (ICLR 2025), here by softmax over items drawn from the catalog.

    length: newest entries of a history that are read.
    width: size of embeddings and states.
    blocks: transformer blocks that read the history.
    unconditional: share of training rows whose history is hidden.
    preference: weight of telling the true item from all others beside being near it.
    negatives: other items drawn per step of training to tell it from.
    temperature: divides cosines where items are told apart.
    guidance: how far draws are driven from what would be drawn without a history.
    samples: draws that make up one slate, each by the items nearest to it.
    batch: rows of ``length`` per step of training.
    """

    sequential: ClassVar[bool] = True

    epochs: Annotated[int, Field(ge=1)] = 15
    refit_epochs: Annotated[int, Field(ge=1)] = 2
    length: Annotated[int, Field(ge=1)] = 20
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    blocks: Annotated[int, Field(ge=1)] = 1
    steps: Annotated[int, Field(ge=1)] = 100
    unconditional: Annotated[float, Field(ge=0, lt=1)] = 0.1
    preference: Annotated[float, Field(ge=0)] = 1.0
    negatives: Annotated[int, Field(ge=1)] = 256
    temperature: Annotated[float, Field(gt=0)] = 0.07
    guidance: Annotated[float, Field(ge=0)] = 0.5
    samples: Annotated[int, Field(ge=1)] = 1
    learning_rate: Annotated[float, Field(gt=0)] = 0.006

    def new_network(self, n_items: int) -> "GuidedNetwork":
        """Return a network with an embedding per item."""
        from simulator.recommenders.diffusion_process import Process
        from simulator.recommenders.guided_network import GuidedNetwork

        return GuidedNetwork(
            n_items,
            length=self.length,
            width=self.width,
            blocks=self.blocks,
            dropout=self.dropout,
            unconditional=self.unconditional,
            preference=self.preference,
            negatives=self.negatives,
            temperature=self.temperature,
            process=Process(self.steps, NEARLY_ALL, HASTE),
        )

    def training(self, log: Interactions, rng: np.random.Generator) -> Iterator[Iterable[tuple["Tensor", ...]]]:
        """Yield per epoch every transition of the log, in rows cut at random places."""
        import torch

        from simulator.recommenders.diffusion_process import batches

        while True:
            inputs, targets = (torch.from_numpy(part) for part in windows(log, self.length, rng))
            yield ((inputs[some], targets[some]) for some in batches(len(inputs), self.batch, rng))

    def read(self, requests: Requests, known: Bools) -> Ints:
        """Return the newest known items of each history, as the network numbers them."""
        return newest(requests, known, self.length)

    def answers(self, network: "GuidedNetwork", read: "Tensor", seed: Words) -> "Tensor":
        """Return how much farther from a draw each item is than that draw's nearest, for the draw where it is least.

        So every draw brings up its own nearest items, however clear it is; a trace of the cosine orders these.
        """
        import torch
        from torch.nn.functional import normalize

        condition, items = network.conditions(read)[:, -1], normalize(network.item).T
        near = (normalize(self._draw(network, condition, seed, n)) @ items for n in range(self.samples))
        return functools.reduce(torch.maximum, ((1 + TRACE) * n - n.amax(dim=1, keepdim=True) for n in near))

    def _draw(self, network: "GuidedNetwork", condition: "Tensor", seed: Words, number: int) -> "Tensor":
        """Return the embedding that each row's noise turns into under its condition."""
        import torch

        from simulator.recommenders.diffusion_process import keyed_noise

        noise = keyed_noise(seed, number, self.width, self.sampling_noise)
        start = torch.zeros(len(condition), self.width) + noise(self.steps)

        def denoise(noisy: "Tensor", step: "Tensor") -> "Tensor":
            return network.guided(noisy, step, condition, self.guidance)

        return network.process.undone(start, denoise, self.sampling_steps, noise)
