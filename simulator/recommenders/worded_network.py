"""A causal transformer over items that are read as words, with room for what is known of them besides."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.recommenders.transformer import Backbone, Block, Rows


class WordedNetwork(nn.Module):
    """Predict the next item from the words of those before it; what is offered is read in the same words.

    An item is the mean of its words' embeddings. Once there is a ``mapping``, what it makes of the item's
    collaborative vector is added: the soft word of items that have one.
    """

    words: Tensor
    vectors: Tensor

    def __init__(
        self, words: Tensor, size: int, dimensions: int, *, length: int, width: int, blocks: int, dropout: float
    ) -> None:
        """Take (items, most) words from 1 to ``size - 1``, 0 where an item has fewer."""
        super().__init__()
        self.register_buffer("words", functional.pad(words, (0, 0, 1, 0)), persistent=False)
        self.register_buffer("vectors", torch.zeros(len(self.words), dimensions))
        self.word = nn.Parameter(torch.randn(size, width) * 0.1)
        self.backbone = Backbone(Block, length=length, width=width, blocks=blocks, dropout=dropout)
        self.mapping: nn.Module | None = None

    def open(self) -> nn.Module:
        """Add a mapping that at first adds nothing, and return it."""
        last = nn.Linear(2 * self.word.shape[1], self.word.shape[1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        first = nn.Linear(self.vectors.shape[1], 2 * self.word.shape[1])
        self.mapping = nn.Sequential(first, nn.GELU(), last)
        return self.mapping

    def items(self) -> Tensor:
        """Return (items + 1, width) embeddings; row 0 is no item."""
        told = functional.embedding_bag(self.words, self.word, mode="mean", padding_idx=0)
        if self.mapping is None:
            return told
        known = self.vectors.abs().sum(dim=1, keepdim=True) > 0
        return told + torch.where(known, self.mapping(self.vectors), 0.0)

    def forward(self, sequences: Tensor, items: Tensor) -> Tensor:
        """Return (B, length, width) states of (B, length) item + 1, 0 where there is none; ``items`` embeds them."""
        states: Tensor = self.backbone(functional.embedding(sequences, items), Rows.timeless(sequences))
        return states
