"""What recommenders share that diffuse a user's whole row of the interaction matrix."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse

from agents.schema import Bools, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import Requests
from simulator.recommenders.diffusion import Diffusion
from simulator.seeds import Words

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.diffusion_process import RowNetwork


@dataclass
class RowDiffusion(Diffusion):
    """Take a history for the noisy row of a user, and show what denoising adds.

    recency: weight of a history entry relative to the next newer one (1: all alike).
    oldest: what the weights of old entries do not fall below.
    width: size of the hidden layer.
    noise_scale: share of the variance that is noise after the last step.
    sampling_noise: noise drawn in serving relative to what training draws (0: the history is denoised as it is).
    """

    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    recency: Annotated[float, Field(gt=0, le=1)] = 1.0
    oldest: Annotated[float, Field(ge=0, le=1)] = 0.1
    width: Annotated[int, Field(ge=1)] = 200
    noise_scale: Annotated[float, Field(gt=0, lt=1)] = 0.02

    def training(self, log: Interactions, rng: np.random.Generator) -> Iterator[Iterable[tuple["Tensor", ...]]]:
        """Yield all users' rows per epoch."""
        import torch

        from simulator.recommenders.diffusion_process import batches

        order = np.argsort(log.user_id, kind="stable")
        users, row = np.unique(log.user_id[order], return_inverse=True)
        shape = (len(users), len(self._prior))
        rows = weighted_rows(row, log.item_id[order], shape, self.recency, self.oldest)
        while True:
            yield ((torch.from_numpy(rows[some].toarray()),) for some in batches(len(users), self.batch, rng))

    def read(self, requests: Requests, known: Bools) -> npt.NDArray[np.float32]:
        """Return the weighted histories as rows over all items."""
        told = np.flatnonzero((requests.history >= 0) & (requests.history < len(known)))
        told = told[known[requests.history[told]]]
        shape = (len(requests), len(known))
        rows = weighted_rows(requests.row()[told], requests.history[told], shape, self.recency, self.oldest)
        return np.asarray(rows.toarray())

    def answers(self, network: "RowNetwork", read: "Tensor", seed: Words) -> "Tensor":
        """Return the rows that undoing noise leads to."""
        from simulator.recommenders.diffusion_process import keyed_noise

        state = network.encoded(read)
        noise = keyed_noise(seed, 0, state.shape[1], self.sampling_noise)
        state = state + self.noise_scale**0.5 * noise(self.steps)
        return network.decoded(network.process.undone(state, network, self.sampling_steps, noise))


def weighted_rows(row: Ints, item: Ints, shape: tuple[int, int], recency: float, oldest: float) -> sparse.csr_array:
    """Return the matrix of recency^age, at least ``oldest``, from entries ordered by row, then from old to new.

    An item counts once, at its newest; age is the number of newer items in the row.
    """
    cell = row * shape[1] + item
    newest = np.sort(len(cell) - 1 - np.unique(cell[::-1], return_index=True)[1])
    row, item = row[newest], item[newest]
    age = np.searchsorted(row, row, side="right") - 1 - np.arange(len(row))
    weight = np.maximum(recency ** age.astype(np.float64), oldest).astype(np.float32)
    return sparse.csr_array((weight, (row, item)), shape=shape)
