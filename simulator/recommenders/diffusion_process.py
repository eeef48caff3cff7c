"""The Gaussian process that diffusion recommenders learn to undo, and how it is undone for a request."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from agents.schema import Ints
from simulator.seeds import Streams, Words

Noise = Callable[[int], Tensor | float]
"""Normal noise for the state of a step, or 0 where nothing is drawn."""

STEP_WIDTH = 10
"""Features a step is described by."""
FORGETTING = 0.1
"""Weight of a batch in the running mean of a step's squared losses."""
AT_LEAST = 0.001
"""Share of training rows spread evenly over steps, so that none is forgotten."""


class Process:
    """Noise that comes in over steps 1..T while the signal fades (DDPM, NeurIPS 2020).

    After step t, a share ``noise_scale`` (1 - (1 - t / T) ** haste) of the variance is noise: with a haste of 1 it
    grows evenly, with more most steps are noisy. Networks predict the clean state.
    """

    def __init__(self, steps: int, noise_scale: float, haste: float = 1.0) -> None:
        self.steps = steps
        self.noise = noise_scale * (1 - (1 - torch.arange(steps + 1) / steps) ** haste)

    def noised(self, clean: Tensor, step: Tensor) -> Tensor:
        """Return rows of (B, width) clean states as they may be after (B,) steps."""
        share = self.noise[step][:, None]
        return (1 - share).sqrt() * clean + share.sqrt() * torch.randn_like(clean)

    def weights(self) -> Tensor:
        """Return the weight in the variational bound of steps 0..T: the signal-to-noise a step loses, 1 at step 1.

        Scaled to a mean of 1 over steps, which moves no optimum (DiffRec, SIGIR 2023).
        """
        signal = (1 - self.noise[1:]) / self.noise[1:]
        weights = torch.cat([torch.zeros(1), torch.ones(1), signal[:-1] - signal[1:]])
        return weights * self.steps / weights.sum()

    def undone(self, state: Tensor, denoise: Callable[[Tensor, Tensor], Tensor], passes: int, noise: Noise) -> Tensor:
        """Return the clean state that ``passes`` evenly spread steps lead to from a state of the last step."""
        for step, earlier in pairwise(np.linspace(self.steps, 0, passes + 1).round().astype(int).tolist()):
            state = self._before(state, denoise(state, torch.full((len(state),), step)), step, earlier, noise)
        return state

    def _before(self, state: Tensor, clean: Tensor, step: int, earlier: int, noise: Noise) -> Tensor:
        """Return a state of an earlier step, given one of this step and the clean state."""
        if earlier == 0:
            return clean
        late, early = float(self.noise[step]), float(self.noise[earlier])
        kept = (1 - late) / (1 - early)
        mean = (1 - early) ** 0.5 * (1 - kept) / late * clean + kept**0.5 * early / late * state
        return mean + ((1 - kept) * early / late) ** 0.5 * noise(earlier)


class StepSampler:
    """Draw steps to train on in proportion to the root of their mean squared loss (Improved DDPM, ICML 2021)."""

    def __init__(self, process: Process) -> None:
        self._weights = process.weights()
        self._squared = torch.ones(process.steps)

    def draw(self, rows: int) -> tuple[Tensor, Tensor]:
        """Return (rows,) steps, and by what to multiply a row's loss as if every step came equally often."""
        root = self._squared.sqrt()
        chance = (1 - AT_LEAST) * root / root.sum().clamp(min=1e-12) + AT_LEAST / len(root)
        step = torch.multinomial(chance, rows, replacement=True)
        return step + 1, 1 / (chance[step] * len(root))

    def loss(self, step: Tensor, rarity: Tensor, each: Tensor) -> Tensor:
        """Return the mean over drawn rows of their losses by the bound's weights, and remember these losses."""
        weighted = self._weights[step] * each
        squares = torch.zeros_like(self._squared).index_add(0, step - 1, weighted.detach() ** 2)
        count = torch.bincount(step - 1, minlength=len(squares))
        moved = (1 - FORGETTING) * self._squared + FORGETTING * squares / count.clamp(min=1)
        self._squared = torch.where(count > 0, moved, self._squared)
        return (weighted * rarity).mean()


class Denoiser(nn.Module):
    """A network that predicts clean states, with the process it undoes."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process

    @abstractmethod
    def loss(self, *batch: Tensor) -> Tensor:
        """Return what training lowers."""


class RowNetwork(Denoiser):
    """A denoiser of (B, items) rows, or of what they are encoded to."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.drawn = StepSampler(process)

    @abstractmethod
    def encoded(self, rows: Tensor) -> Tensor:
        """Return the states that diffuse."""

    @abstractmethod
    def decoded(self, clean: Tensor) -> Tensor:
        """Return the (B, items) scores that clean states stand for."""


def step_features(step: Tensor) -> Tensor:
    """Return (B, STEP_WIDTH) sines and cosines of (B,) steps at falling frequencies."""
    angle = step[:, None] * 0.1 ** torch.arange(STEP_WIDTH // 2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def keyed_noise(seed: Words, draw: int, width: int, strength: float) -> Noise:
    """Return (B, width) normal noise for any step, by each row's seed and the draw alone; 0 at strength 0."""

    def noise(step: int) -> Tensor | float:
        if strength == 0:
            return 0.0
        normal = Streams(0).normal("diffusion noise", seed[:, None], draw, step, np.arange(width))
        return torch.from_numpy((strength * normal).astype(np.float32))

    return noise


def batches(rows: int, size: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Yield all row numbers in random order, ``size`` at a time."""
    order = rng.permutation(rows)
    yield from (order[first : first + size] for first in range(0, rows, size))
