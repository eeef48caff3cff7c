"""The network of L-DiffRec: each cluster of items is compressed, and what comes of it diffuses."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.recommenders.diffusion_process import STEP_WIDTH, Process, RowNetwork, step_features


class LatentDenoiser(RowNetwork):
    """Compress each cluster's part of a row by a variational autoencoder, and denoise the codes (SIGIR 2023).

    An item has a reading and a writing vector that its own cluster's encoder and decoder alone see, so size and
    time go with items x width, however many clusters there are.
    """

    order: Tensor
    place: Tensor

    def __init__(
        self,
        cluster: Tensor,
        clusters: int,
        *,
        width: int,
        codes: int,
        dropout: float,
        divergence: float,
        process: Process,
    ) -> None:
        """Take the (items,) cluster of each item; ``width`` and ``codes`` are each cluster's."""
        super().__init__(process)
        self.register_buffer("order", torch.argsort(cluster, stable=True), persistent=False)
        self.register_buffer("place", torch.argsort(self.order), persistent=False)
        self.sizes = torch.bincount(cluster, minlength=clusters).tolist()
        self.reading = nn.Parameter(nn.init.xavier_normal_(torch.empty(len(cluster), width)))
        self.writing = nn.Parameter(nn.init.xavier_normal_(torch.empty(len(cluster), width)))
        self.popular = nn.Parameter(torch.zeros(len(cluster)))
        self.moments = nn.Parameter(torch.randn(clusters, width, 2 * codes) / width**0.5)
        self.opening = nn.Parameter(torch.randn(clusters, codes, width) / codes**0.5)
        state = clusters * codes
        self.noisy, self.clean = nn.Linear(state, 2 * state), nn.Linear(2 * state, state)
        self.step = nn.Linear(STEP_WIDTH, 2 * state, bias=False)
        self.dropout, self.divergence = nn.Dropout(dropout), divergence

    def forward(self, noisy: Tensor, step: Tensor) -> Tensor:
        """Return the (B, clusters x codes) clean states expected behind noisy ones of (B,) steps."""
        clean: Tensor = self.clean(torch.tanh(self.noisy(noisy) + self.step(step_features(step))))
        return clean

    def encoded(self, rows: Tensor) -> Tensor:
        """Return the states that diffuse: the means of the codes."""
        return self._moments(rows)[0]

    def decoded(self, clean: Tensor) -> Tensor:
        """Return (B, items) log-probabilities of items, up to a constant per row."""
        codes = clean.view(len(clean), *self.opening.shape[:2])
        hidden = torch.tanh(torch.einsum("bcz,czw->cbw", codes, self.opening))
        parts = [h @ of.T for h, of in zip(hidden, torch.split(self.writing, self.sizes), strict=True)]
        return (torch.cat(parts, dim=1) + self.popular)[:, self.place]

    def _moments(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means and log-variances of the codes, each (B, clusters x codes)."""
        parts = self.dropout(functional.normalize(rows))[:, self.order].split(self.sizes, dim=1)
        hidden = [torch.tanh(p @ of) for p, of in zip(parts, torch.split(self.reading, self.sizes), strict=True)]
        mean, log_variance = torch.einsum("cbw,cwz->bcz", torch.stack(hidden), self.moments).chunk(2, dim=2)
        return mean.flatten(1), log_variance.flatten(1)

    def loss(self, *batch: Tensor) -> Tensor:
        """Return what items cost by the denoised codes, the codes' divergence, and the denoising's squared error."""
        (rows,) = batch
        mean, log_variance = self._moments(rows)
        codes = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        step, rarity = self.drawn.draw(len(rows))
        clean = self(self.process.noised(codes, step), step)
        cost = -(rows * self.decoded(clean).log_softmax(dim=1)).sum(dim=1)
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
        error = self.drawn.loss(step, rarity, ((clean - codes) ** 2).sum(dim=1))
        return (cost + self.divergence * divergence).mean() + error
