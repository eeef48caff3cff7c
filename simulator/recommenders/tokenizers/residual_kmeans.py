"""IDs by residual k-means: every digit tells what those before it left open."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats, Ints
from simulator.recommenders.base import State
from simulator.recommenders.tokenizers.clusters import cluster, nearest
from simulator.recommenders.tokenizers.quantizer import Quantizer


@dataclass
class ResidualKmeans(Quantizer):
    """Cluster items' coordinates, then what is left of them beside their center, and so on (OneRec, arXiv 2502.18965).

    digits: codes per item, coarse to fine.
    codes: clusters per digit.
    width: dimensions of the points.
    """

    digits: Annotated[int, Field(ge=1)] = 3
    codes: Annotated[int, Field(ge=2)] = 64
    width: Annotated[int, Field(ge=1)] = 32
    _centers: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0, 0)))

    @property
    def dimensions(self) -> int:
        """Return ``width``."""
        return self.width

    def learn(self, points: Floats, rng: np.random.Generator) -> None:
        """Learn the centers of each digit on what the digits before it leave."""
        centers = []
        for _ in range(self.digits):
            centers.append(cluster(points, self.codes, rng))
            points = points - centers[-1][nearest(points, centers[-1])]
        self._centers = np.stack(centers)

    def quantize(self, points: Floats) -> Ints:
        """Return the nearest center of what the digits before leave, digit by digit."""
        codes = []
        for centers in self._centers:
            codes.append(nearest(points, centers))
            points = points - centers[codes[-1]]
        return np.stack(codes, axis=1)

    def learned(self) -> State:
        """Return the centers."""
        return {"centers": self._centers}

    def take_over(self, state: State) -> None:
        """Take over the centers."""
        self._centers = np.asarray(state["centers"], dtype=np.float64)
