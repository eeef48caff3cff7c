"""What networks that read histories share: a causal backbone over left-padded rows, its blocks, what all can do."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.recommenders.cross_entropy import next_cross_entropy

FAR = -1e9
"""Added to the attention of what may not be seen; finite, so that empty rows stay numbers."""
HEADS = 2
BUCKETS = 80
"""Logarithmic steps of elapsed time; the last begins after 600 years."""


class Rows(NamedTuple):
    """``sequences.Told`` as tensors, each (B, length)."""

    items: Tensor
    times: Tensor
    until: Tensor

    @staticmethod
    def timeless(items: Tensor) -> "Rows":
        """Return rows of which only the order is known."""
        return Rows(items, *torch.zeros(2, *items.shape))


class SequenceNetwork(nn.Module):
    """A network that reads rows and predicts the item after each place; N are places, items count from 0."""

    @abstractmethod
    def forward(self, rows: Rows) -> Tensor:
        """Return (B, length, width) hidden states."""

    @abstractmethod
    def loss(self, hidden: Tensor, items: Tensor, weight: Tensor | None) -> Tensor:
        """Return the mean cross-entropy of N places, weighted where there are weights (N,)."""

    @abstractmethod
    def scores(self, hidden: Tensor, items: Tensor) -> Tensor:
        """Return (N, M) log-probabilities of (N, M) items, up to one constant a place."""

    @abstractmethod
    def likely(self, hidden: Tensor) -> Tensor:
        """Return (N, items) log-probabilities of the whole catalog."""

    def take_over(self, trained: Mapping[str, Tensor]) -> None:
        """Go on from the tensors of a network like this one, which may know fewer items."""
        for name, mine in self.state_dict().items():
            mine[: len(trained[name])] = trained[name]


class Layer(nn.Module):
    """One block of a backbone."""

    @abstractmethod
    def __init__(self, width: int, dropout: float, length: int) -> None:
        super().__init__()

    @staticmethod
    @abstractmethod
    def context(rows: Rows, visible: Tensor) -> tuple[Tensor, ...]:
        """Return what all blocks need to know of the rows; ``visible`` is (B, query, key)."""


class Backbone(nn.Module):
    """Let every place of left-padded rows see itself and what came before; padding is seen by none."""

    def __init__(self, layer: type[Layer], *, length: int, width: int, blocks: int, dropout: float):
        super().__init__()
        self.context = layer.context
        self.position = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(layer(width, dropout, length) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, embedded: Tensor, rows: Rows) -> Tensor:
        """Return the hidden states of (B, at most length, width) embedded entries."""
        length = embedded.shape[1]
        real = rows.items > 0
        visible = real[:, None, :] & torch.ones(length, length).tril().bool()
        context = self.context(rows, visible)
        hidden = self.dropout(embedded + self.position[-length:])
        for block in self.blocks:
            hidden = block(hidden, *context)
        normed: Tensor = self.norm(hidden)
        return normed


class Block(Layer):
    """Attend to what came before, then transform: a pre-norm transformer block."""

    def __init__(self, width: int, dropout: float, length: int) -> None:
        super().__init__(width, dropout, length)
        self.attention_norm, self.transform_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.transform = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def context(_rows: Rows, visible: Tensor) -> tuple[Tensor, ...]:
        """Return the mask to add to the attention."""
        return (torch.zeros(visible.shape).masked_fill(~visible, FAR)[:, None],)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the (B, length, width) hidden states after the block."""
        query, key, value = self.looks(hidden)
        return self.after(hidden, functional.scaled_dot_product_attention(query, key, value, attn_mask=mask))

    def looks(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (B, HEADS, length, width / HEADS)."""
        rows, length, width = hidden.shape
        parts = self.queries_keys_values(self.attention_norm(hidden)).view(rows, length, 3, HEADS, width // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value

    def after(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """Return the hidden states once each has taken in the (B, HEADS, length, width / HEADS) values it saw."""
        hidden = hidden + self.dropout(self.out(seen.transpose(1, 2).reshape(hidden.shape)))
        transformed: Tensor = hidden + self.dropout(self.transform(self.transform_norm(hidden)))
        return transformed


class Unit(Layer):
    """Weigh what came before by content, distance and elapsed time, and gate it (HSTU, ICML 2024).

    Weights are SiLU(content + biases), masked afterwards and divided by the length of a full row,
    so that they say how much there is of something, which a softmax cannot.
    """

    def __init__(self, width: int, dropout: float, length: int) -> None:
        super().__init__(width, dropout, length)
        self.norm, self.seen_norm = nn.LayerNorm(width), nn.LayerNorm(width, eps=1e-6)
        self.expand, self.out = nn.Linear(width, 4 * width), nn.Linear(width, width)
        self.distance = nn.Parameter(0.25 + 4 * 0.7 ** torch.arange(length))  # the newest most, all a little, at first
        self.elapsed = nn.Parameter(torch.zeros(BUCKETS, 1))
        self.dropout = nn.Dropout(dropout)

    @staticmethod
    def context(rows: Rows, visible: Tensor) -> tuple[Tensor, ...]:
        """Return what may be seen, by places that are real, and the bucket of the time from each key to what follows
        each query."""
        seconds = 60 * (rows.until[:, :, None] - rows.times[:, None, :]).clamp(min=1 / 60)
        bucket = (seconds.log() / 0.301).floor().long().clamp(max=BUCKETS - 1)
        return (visible & (rows.items > 0)[:, :, None])[:, None], bucket

    def forward(self, hidden: Tensor, visible: Tensor, bucket: Tensor) -> Tensor:
        """Return the (B, length, width) hidden states after the block."""
        rows, length, width = hidden.shape
        gate, *parts = functional.silu(self.expand(self.norm(hidden))).chunk(4, dim=-1)
        value, query, key = (part.view(rows, length, HEADS, -1).transpose(1, 2) for part in parts)
        apart = (torch.arange(length)[:, None] - torch.arange(length)).clamp(min=0)
        bias = self.distance[apart] + functional.embedding(bucket, self.elapsed)[..., 0]
        weight = functional.silu(query @ key.transpose(2, 3) + bias[:, None]) * visible / len(self.distance)
        seen = (weight @ value).transpose(1, 2).reshape(rows, length, width)
        gated: Tensor = hidden + self.dropout(self.out(self.seen_norm(seen) * gate))
        return gated


class ItemNetwork(SequenceNetwork):
    """Predict the next item by the cosine of the hidden state and the embeddings that histories are read by."""

    popularity: Tensor

    def __init__(self, counts: Tensor, backbone: Backbone, *, width: int, temperature: float) -> None:
        super().__init__()
        self.register_buffer("popularity", counts, persistent=False)
        self.item = nn.Parameter(torch.randn(len(counts) + 1, width) * 0.1)
        self.backbone = backbone
        self.temperature = temperature

    def forward(self, rows: Rows) -> Tensor:
        """Return the hidden states, of length 1 / temperature."""
        hidden = self.backbone(functional.embedding(rows.items, self.item), rows)
        return functional.normalize(hidden, dim=-1) / self.temperature

    def _offered(self) -> Tensor:
        return functional.normalize(self.item[1:], dim=-1)

    def loss(self, hidden: Tensor, items: Tensor, weight: Tensor | None) -> Tensor:
        """Return the mean cross-entropy over the catalog, or over a sample of it."""
        return next_cross_entropy(hidden, self._offered(), items, self.popularity, weight=weight)

    def scores(self, hidden: Tensor, items: Tensor) -> Tensor:
        """Return the logits of (N, M) items."""
        return torch.einsum("nw,nmw->nm", hidden, self._offered()[items])

    def likely(self, hidden: Tensor) -> Tensor:
        """Return the log-probability of every item."""
        return (hidden @ self._offered().T).log_softmax(dim=-1)
