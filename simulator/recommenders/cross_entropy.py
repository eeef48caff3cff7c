"""Cross-entropy of what comes next: among all there is or, where that is much, among a sample of it."""

import torch
from torch import Tensor
from torch.nn import functional

FULL = 10_000
"""Candidates up to which the softmax runs over all of them."""
SAMPLE = 1024
"""Candidates a target is compared with where there are more."""


def mean_cross_entropy(logits: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean over rows of the cross-entropy, times the row's weight where there are weights."""
    if weight is None:
        return functional.cross_entropy(logits, wanted)
    return (functional.cross_entropy(logits, wanted, reduction="none") * weight).mean()


def next_cross_entropy(
    hidden: Tensor,
    offered: Tensor,
    wanted: Tensor,
    popularity: Tensor,
    *,
    bias: Tensor | None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy of (N,) candidates wanted after (N, width) states.

    A logit is the product with one of (M, width) candidates offered, plus its bias (M,) where there is one. Above
    ``FULL`` candidates, each target is compared with a sample drawn by the root of popularity (M,), corrected for how
    it was drawn (sampled softmax, Jean et al., ACL 2015).
    """
    if len(offered) <= FULL:
        logits = hidden @ offered.T
        return mean_cross_entropy(logits if bias is None else logits + bias, wanted, weight)
    chance = popularity.sqrt() / popularity.sqrt().sum()
    drawn = torch.multinomial(chance, SAMPLE, replacement=True)
    often = (SAMPLE * chance).clamp(min=1e-9).log()
    less = often if bias is None else often - bias
    target = (hidden * offered[wanted]).sum(dim=-1, keepdim=True) - less[wanted, None]
    others = (hidden @ offered[drawn].T - less[drawn]).masked_fill(drawn == wanted[:, None], -torch.inf)
    return mean_cross_entropy(torch.hstack([target, others]), torch.zeros_like(wanted), weight)
