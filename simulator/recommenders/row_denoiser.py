"""The network of DiffRec: a noisy row of the interaction matrix in, the clean row out."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.recommenders.diffusion_process import STEP_WIDTH, Process, RowNetwork, step_features


class RowDenoiser(RowNetwork):
    """Predict a clean row from a noisy one and its step, through one hidden layer (DiffRec, SIGIR 2023)."""

    def __init__(self, items: int, width: int, dropout: float, process: Process) -> None:
        super().__init__(process)
        self.reading, self.writing = nn.Linear(items, width), nn.Linear(width, items)
        self.step = nn.Linear(STEP_WIDTH, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_normal_(self.reading.weight)
        nn.init.xavier_normal_(self.writing.weight)
        nn.init.zeros_(self.writing.bias)  # most of a row is 0

    def forward(self, noisy: Tensor, step: Tensor) -> Tensor:
        """Return the (B, items) clean states expected behind noisy ones of (B,) steps."""
        read = self.reading(self.dropout(functional.normalize(noisy)))
        clean: Tensor = self.writing(torch.tanh(read + self.step(step_features(step))))
        return clean

    def encoded(self, rows: Tensor) -> Tensor:
        """Return the states that diffuse: the rows themselves."""
        return rows

    def decoded(self, clean: Tensor) -> Tensor:
        """Return the scores of items."""
        return clean

    def loss(self, *batch: Tensor) -> Tensor:
        """Return the weighted squared error of (B, items) rows predicted from what noise makes of them."""
        (rows,) = batch
        step, rarity = self.drawn.draw(len(rows))
        each = ((self(self.process.noised(rows, step), step) - rows) ** 2).mean(dim=1)
        return self.drawn.loss(step, rarity, each)
