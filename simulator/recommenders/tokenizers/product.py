"""IDs by product quantization: every digit tells of other dimensions."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats, Ints
from simulator.recommenders.base import State
from simulator.recommenders.tokenizers.clusters import cluster, nearest
from simulator.recommenders.tokenizers.quantizer import Quantizer


@dataclass
class Product(Quantizer):
    """Cut items' coordinates into equal parts and cluster each (Jegou et al., PAMI 2011; RPG, KDD 2025).

    digits: codes per item, one per part.
    codes: clusters per part.
    width: dimensions per part; points have digits x width.
    """

    digits: Annotated[int, Field(ge=1)] = 16
    codes: Annotated[int, Field(ge=2)] = 32
    width: Annotated[int, Field(ge=1)] = 2
    _centers: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0, 0)))

    @property
    def dimensions(self) -> int:
        """Return the dimensions of all parts."""
        return self.digits * self.width

    def learn(self, points: Floats, rng: np.random.Generator) -> None:
        """Learn the cluster centers of each part."""
        self._centers = np.stack([cluster(part, self.codes, rng, revive=False) for part in self._parts(points)])

    def quantize(self, points: Floats) -> Ints:
        """Return the nearest center of each part."""
        return np.stack([nearest(*pair) for pair in zip(self._parts(points), self._centers, strict=True)], axis=1)

    def _parts(self, points: Floats) -> Floats:
        """Return the (digits, n, width) parts."""
        return np.ascontiguousarray(points.reshape(len(points), self.digits, self.width).transpose(1, 0, 2))

    def learned(self) -> State:
        """Return the centers."""
        return {"centers": self._centers}

    def take_over(self, state: State) -> None:
        """Take over the centers."""
        self._centers = np.asarray(state["centers"], dtype=np.float64)
