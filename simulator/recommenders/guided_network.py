"""The networks of guided diffusion: one reads a history, one denoises the embedding of what comes next."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.recommenders.diffusion_process import STEP_WIDTH, Denoiser, Process, step_features
from simulator.recommenders.transformer import FAR, Backbone, Block, Rows


class GuidedNetwork(Denoiser):
    """Denoise the next item's embedding, given the history (DreamRec, NeurIPS 2023).

    Embeddings start at N(0, 1) and keep that length, as noise has it; else training would drown the noise in them.
    """

    def __init__(
        self,
        items: int,
        *,
        length: int,
        width: int,
        blocks: int,
        dropout: float,
        unconditional: float,
        preference: float,
        negatives: int,
        temperature: float,
        process: Process,
    ) -> None:
        super().__init__(process)
        self.unconditional, self.preference = unconditional, preference
        self.negatives, self.temperature = negatives, temperature
        self.item = nn.Parameter(torch.randn(items, width))
        self.nobody = nn.Parameter(torch.randn(width))
        self.backbone = Backbone(Block, length=length, width=width, blocks=blocks, dropout=dropout)
        self.joined = nn.Linear(2 * width + STEP_WIDTH, 2 * width)
        self.clean = nn.Linear(2 * width, width)

    def places(self) -> Tensor:
        """Return the (items, width) embeddings, each of length root width."""
        placed: Tensor = functional.normalize(self.item) * self.item.shape[1] ** 0.5
        return placed

    def conditions(self, sequences: Tensor) -> Tensor:
        """Return (B, length, width): what the history up to each place says of (B, length) item + 1, 0 for none."""
        embedded = functional.embedding(sequences, functional.pad(self.places(), (0, 0, 1, 0)))
        states: Tensor = self.backbone(embedded, Rows.timeless(sequences))
        return states

    def forward(self, noisy: Tensor, step: Tensor, condition: Tensor) -> Tensor:
        """Return the clean embeddings expected behind (B, width) noisy ones of (B,) steps under their conditions."""
        joined = self.joined(torch.cat([noisy, condition, step_features(step)], dim=1))
        clean: Tensor = condition + self.clean(functional.gelu(joined))
        return clean

    def guided(self, noisy: Tensor, step: Tensor, condition: Tensor, guidance: float) -> Tensor:
        """Return what the condition says, driven away from what is said of nobody (arXiv 2207.12598)."""
        told: Tensor = self(noisy, step, condition)
        if guidance == 0:
            return told
        driven: Tensor = (1 + guidance) * told - guidance * self(noisy, step, self.nobody.expand_as(condition))
        return driven

    def loss(self, *batch: Tensor) -> Tensor:
        """Return one minus the cosine of predicted and true embeddings, and the cross-entropy of items by cosine."""
        inputs, targets = batch
        real = (inputs > 0) & (targets > 0)
        condition, goal, places = self.conditions(inputs)[real], targets[real] - 1, self.places()
        condition = torch.where(torch.rand(len(goal), 1) < self.unconditional, self.nobody, condition)
        step = torch.randint(1, self.process.steps + 1, (len(goal),))
        clean = self(self.process.noised(places[goal], step), step, condition)
        return self._distance(functional.normalize(clean), goal)

    def _distance(self, clean: Tensor, goal: Tensor) -> Tensor:
        """Return the mean distance of unit predictions from their items, and how ill they tell them from others."""
        items = functional.normalize(self.item)
        others = torch.randint(len(items), (self.negatives,))
        true = (clean * items[goal]).sum(dim=1, keepdim=True)
        false = (clean @ items[others].T).masked_fill(goal[:, None] == others, FAR)
        told = torch.cat([true, false], dim=1) / self.temperature
        return (1 - true).mean() - self.preference * told.log_softmax(dim=1)[:, 0].mean()
