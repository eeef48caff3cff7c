"""A causal transformer that reads items through their codes and predicts the codes of the next item."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

FAR = -1e9
"""Added to the attention of what may not be seen; finite, so that empty rows stay numbers."""


class SemanticNetwork(nn.Module):
    """Predict every digit of the next item in parallel (RPG, arXiv 2506.05781).

    An item's embedding is the mean of its codes' embeddings, times the root of their number. For each
    digit, a projection of the hidden state and the embeddings of the codes to choose from are both
    normalized; their product, divided by the temperature, is the logit.
    """

    mixture: Tensor

    def __init__(
        self, codes: Tensor, per_digit: int, *, length: int, width: int, blocks: int, dropout: float, temperature: float
    ) -> None:
        """Take (items, digits) codes, -1 where an item has none."""
        super().__init__()
        self.digits, self.per_digit, self.temperature = codes.shape[1], per_digit, temperature
        self.register_buffer("mixture", code_mixture(codes, per_digit), persistent=False)
        self.code = nn.Parameter(torch.randn(self.digits * per_digit, width) * 0.1)
        self.position = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, self.digits * (width // 2))
        self.choice = nn.Parameter(torch.randn(self.digits, per_digit, width // 2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return (B, length, width) hidden states of (B, length) item + 1, 0 where there is none."""
        hidden = functional.embedding(sequences, self.mixture @ self.code) + self.position
        visible = (sequences > 0)[:, None, None, :] & torch.ones(len(self.position), len(self.position)).tril().bool()
        mask = torch.zeros(visible.shape).masked_fill(~visible, FAR)
        hidden = self.dropout(hidden)
        for block in self.blocks:
            hidden = block(hidden, mask)
        normed: Tensor = self.norm(hidden)
        return normed

    def logits(self, hidden: Tensor) -> Tensor:
        """Return (N, digits, codes) logits of N hidden states."""
        wanted = functional.normalize(self.head(hidden).view(len(hidden), self.digits, -1), dim=-1)
        offered = functional.normalize(self.choice, dim=-1) / self.temperature
        return torch.einsum("ndw,dcw->ndc", wanted, offered)


class Block(nn.Module):
    """Attend to what came before, then transform: a pre-norm transformer block with two heads."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.transform_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.transform = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the (B, length, width) hidden states after the block."""
        query, key, value = self.looks(hidden)
        return self.after(hidden, functional.scaled_dot_product_attention(query, key, value, attn_mask=mask))

    def looks(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (B, 2 heads, length, width / 2)."""
        rows, length, width = hidden.shape
        parts = self.queries_keys_values(self.attention_norm(hidden)).view(rows, length, 3, 2, width // 2)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value

    def after(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """Return the hidden states once each has taken in the (B, 2 heads, length, width / 2) values it attended to."""
        hidden = hidden + self.dropout(self.out(seen.transpose(1, 2).reshape(hidden.shape)))
        transformed: Tensor = hidden + self.dropout(self.transform(self.transform_norm(hidden)))
        return transformed


def code_mixture(codes: Tensor, per_digit: int) -> Tensor:
    """Return (items + 1, digits x codes) weights that turn code embeddings into item embeddings; row 0 is no item."""
    items, digits = codes.shape
    mixture = torch.zeros(items + 1, digits * per_digit)
    coded = torch.nonzero(codes[:, 0] >= 0)[:, 0]
    flat = codes[coded] + torch.arange(digits) * per_digit
    mixture[1 + coded[:, None], flat] = 1 / math.sqrt(digits)
    return mixture
