"""A causal transformer that reads items through their codes and predicts the codes of the next item."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.recommenders.cross_entropy import mean_cross_entropy
from simulator.recommenders.transformer import FAR, Backbone, Block, Rows, SequenceNetwork


class SemanticNetwork(SequenceNetwork):
    """Predict every digit of the next item in parallel (RPG, arXiv 2506.05781).

    An item's embedding is the mean of its codes' embeddings, times the root of their number. For each
    digit, a projection of the hidden state and the embeddings of the codes to choose from are both
    normalized; their product, divided by the temperature, is the logit.
    """

    codes: Tensor
    mixture: Tensor

    def __init__(
        self, codes: Tensor, per_digit: int, *, length: int, width: int, blocks: int, dropout: float, temperature: float
    ) -> None:
        """Take (items, digits) codes, -1 where an item has none."""
        super().__init__()
        self.digits, self.per_digit, self.temperature = codes.shape[1], per_digit, temperature
        self.register_buffer("codes", codes, persistent=False)
        self.register_buffer("mixture", code_mixture(codes, per_digit), persistent=False)
        self.code = nn.Parameter(torch.randn(self.digits * per_digit, width) * 0.1)
        self.backbone = Backbone(Block, length=length, width=width, blocks=blocks, dropout=dropout)
        self.head = nn.Linear(width, self.digits * (width // 2))
        self.choice = nn.Parameter(torch.randn(self.digits, per_digit, width // 2))

    def forward(self, rows: Rows) -> Tensor:
        """Return the hidden states."""
        states: Tensor = self.backbone(functional.embedding(rows.items, self.mixture @ self.code), rows)
        return states

    def logits(self, hidden: Tensor) -> Tensor:
        """Return (N, digits, codes) logits of N hidden states."""
        wanted = functional.normalize(self.head(hidden).view(len(hidden), self.digits, -1), dim=-1)
        offered = functional.normalize(self.choice, dim=-1) / self.temperature
        return torch.einsum("ndw,dcw->ndc", wanted, offered)

    def loss(self, hidden: Tensor, items: Tensor, weight: Tensor | None) -> Tensor:
        """Return the mean cross-entropy of every digit."""
        each = None if weight is None else weight.repeat_interleave(self.digits)
        return mean_cross_entropy(self.logits(hidden).flatten(0, 1), self.codes[items].flatten(), each)

    def scores(self, hidden: Tensor, items: Tensor) -> Tensor:
        """Return the sum of the logits of the items' digits."""
        digits = torch.arange(self.digits)
        return self.logits(hidden)[torch.arange(len(items))[:, None, None], digits, self.codes[items]].sum(dim=-1)

    def digit_scores(self, hidden: Tensor) -> Tensor:
        """Return the (N, items) mean log-probability of each item's digits; of the first codes where it has none."""
        digits = self.logits(hidden).log_softmax(dim=-1).double()
        total = torch.zeros(len(hidden), len(self.codes), dtype=torch.float64)
        for digit, codes in enumerate(self.codes.T):
            total += digits[:, digit, codes.clamp(min=0)] / self.digits
        return total

    def likely(self, hidden: Tensor) -> Tensor:
        """Return the log-probability of every item among those that have codes."""
        whole = self.digits * self.digit_scores(hidden)
        return whole.masked_fill(self.codes[:, 0] < 0, FAR).log_softmax(dim=-1)


def code_mixture(codes: Tensor, per_digit: int) -> Tensor:
    """Return (items + 1, digits x codes) weights that turn code embeddings into item embeddings; row 0 is no item."""
    items, digits = codes.shape
    mixture = torch.zeros(items + 1, digits * per_digit)
    coded = torch.nonzero(codes[:, 0] >= 0)[:, 0]
    flat = codes[coded] + torch.arange(digits) * per_digit
    mixture[1 + coded[:, None], flat] = 1 / math.sqrt(digits)
    return mixture
