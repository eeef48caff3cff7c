"""Diffusion over compressed interactions, for large catalogs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from agents.schema import Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import State
from simulator.recommenders.linear import taken
from simulator.recommenders.row_diffusion import RowDiffusion
from simulator.recommenders.tokenizers.clusters import cluster, nearest

if TYPE_CHECKING:
    from simulator.recommenders.latent_denoiser import LatentDenoiser

DIRECTIONS = 32
"""Dimensions of the space in which items are clustered."""


@dataclass
class LDiffRec(RowDiffusion):
    """Cluster items, compress each cluster's part of a history, and denoise what is left (L-DiffRec, SIGIR 2023).

    clusters: groups of items that the same users take.
    codes: size of what each cluster's part is compressed to.
    width: size of the hidden layer of each cluster's encoder and decoder.
    divergence: weight of the codes' divergence from a standard normal.
    """

    width: Annotated[int, Field(ge=1)] = 64
    noise_scale: Annotated[float, Field(gt=0, lt=1)] = 0.05
    learning_rate: Annotated[float, Field(gt=0)] = 0.005
    clusters: Annotated[int, Field(ge=1)] = 4
    codes: Annotated[int, Field(ge=1)] = 32
    divergence: Annotated[float, Field(ge=0)] = 0.02
    _cluster: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros(0, dtype=np.int64))

    def prepare(self, log: Interactions, n_items: int, rng: np.random.Generator) -> None:
        """Cluster the items; those nobody took go where they fall."""
        self._cluster = item_clusters(log, n_items, self.clusters, rng)

    def new_network(self, n_items: int) -> "LatentDenoiser":
        """Return a network of one autoencoder per cluster."""
        import torch

        from simulator.recommenders.diffusion_process import Process
        from simulator.recommenders.latent_denoiser import LatentDenoiser

        return LatentDenoiser(
            torch.tensor(self._cluster),
            self.clusters,
            width=self.width,
            codes=self.codes,
            dropout=self.dropout,
            divergence=self.divergence,
            process=Process(self.steps, self.noise_scale),
        )

    def state(self) -> State:
        """Return the clusters too."""
        return {"cluster": self._cluster, **super().state()}

    def load_state(self, state: State) -> None:
        """Take over the clusters first."""
        self._cluster = np.asarray(state["cluster"], dtype=np.int64)
        super().load_state(state)


def item_clusters(log: Interactions, n_items: int, clusters: int, rng: np.random.Generator) -> Ints:
    """Return each item's cluster by k-means over the leading directions of who takes what, at unit length."""
    from sklearn.utils.extmath import randomized_svd

    matrix = taken(log, n_items)
    directions = min(DIRECTIONS, *matrix.shape)
    if not directions:
        return np.zeros(n_items, dtype=np.int64)
    left, values, _ = randomized_svd(matrix.T, directions, random_state=int(rng.integers(2**31)))
    places = left * values
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)
    return nearest(places, cluster(places[log.counts(n_items) > 0], clusters, rng))
