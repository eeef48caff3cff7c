"""A small encoder and decoder of text whose words are words and items."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

FAR = -1e9
"""Added to the attention of what may not be seen; finite, so that empty rows stay numbers."""


class TextNetwork(nn.Module):
    """Read one text, and predict each next token of another; embeddings are shared with the output.

    Tokens are whole numbers from 1, 0 fills rows up behind the text. ``soft`` vectors may stand in for
    embeddings of what is read.
    """

    def __init__(self, size: int, *, read: int, said: int, width: int, blocks: int, dropout: float) -> None:
        """Take the number of tokens, and the longest text to read and to say."""
        super().__init__()
        self.token = nn.Parameter(torch.randn(size, width) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(size))
        self.read_at = nn.Parameter(torch.randn(read, width) * 0.02)
        self.said_at = nn.Parameter(torch.randn(said, width) * 0.02)
        self.encoder = nn.ModuleList(Block(width, dropout, across=False) for _ in range(blocks))
        self.decoder = nn.ModuleList(Block(width, dropout, across=True) for _ in range(blocks))
        self.read_norm, self.said_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, read: Tensor, said: Tensor, soft: Tensor | None = None) -> Tensor:
        """Return (B, said, width) states, each what comes after that much of ``said``."""
        heard = self.listened(read, soft)
        hidden = self.dropout(functional.embedding(said, self.token) + self.said_at[: said.shape[1]])
        before = torch.ones(said.shape[1], said.shape[1]).tril().bool()
        own, other = hiding((said > 0)[:, None] & before), hiding((read > 0)[:, None])
        for block in self.decoder:
            hidden = block(hidden, own, heard, other)
        states: Tensor = self.said_norm(hidden)
        return states

    def listened(self, read: Tensor, soft: Tensor | None = None) -> Tensor:
        """Return (B, read, width) states of what was read."""
        hidden = functional.embedding(read, self.token) + self.read_at[: read.shape[1]]
        if soft is not None:
            hidden = hidden + soft
        hidden, all_of_it = self.dropout(hidden), hiding((read > 0)[:, None])
        for block in self.encoder:
            hidden = block(hidden, all_of_it)
        states: Tensor = self.read_norm(hidden)
        return states

    def logits(self, states: Tensor) -> Tensor:
        """Return (N, tokens) logits of N states."""
        return functional.linear(states, self.token, self.bias)


class Block(nn.Module):
    """Attend to oneself and, where told ``across``, to another text, then transform: pre-norm, two heads."""

    def __init__(self, width: int, dropout: float, *, across: bool) -> None:
        super().__init__()
        self.itself = Attention(width)
        self.across = Attention(width) if across else None
        self.norm = nn.LayerNorm(width)
        self.transform = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, own: Tensor, heard: Tensor | None = None, other: Tensor | None = None) -> Tensor:
        """Return the (B, length, width) states after the block."""
        hidden = hidden + self.dropout(self.itself(hidden, None, own))
        if self.across is not None:
            hidden = hidden + self.dropout(self.across(hidden, heard, other))
        transformed: Tensor = hidden + self.dropout(self.transform(self.norm(hidden)))
        return transformed


class Attention(nn.Module):
    """Attend with two heads, from normalized states to these or to those of another text."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query, self.key_value, self.out = (nn.Linear(width, n * width) for n in (1, 2, 1))

    def forward(self, hidden: Tensor, heard: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return (B, length, width) of what was attended to."""
        normed = self.norm(hidden)
        source = normed if heard is None else heard
        rows, length, width = hidden.shape
        query = self.query(normed).view(rows, length, 2, -1).transpose(1, 2)
        key, value = self.key_value(source).view(rows, source.shape[1], 2, 2, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended: Tensor = self.out(seen.transpose(1, 2).reshape(rows, length, width))
        return attended


def hiding(visible: Tensor) -> Tensor:
    """Return what is added to attention so that only what is visible, (B, from, to), is seen."""
    return torch.zeros(visible.shape).masked_fill(~visible, FAR)[:, None]
