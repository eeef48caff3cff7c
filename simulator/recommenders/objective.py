"""What a network that predicts the next item minimizes: cross-entropy, and what levers add to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.schema import Floats

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.transformer import SequenceNetwork

DRAWN = 8
"""Items a target is preferred to."""
PLACES = 512
"""Places of a batch at which preferences are learned, at most: drawing from a network needs its whole catalog."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Strengths of what is added to plain cross-entropy; each at 0 is an exact no-op.

    inverse_propensity: exponent e of loss weights popularity^-e, of mean 1 (Schnabel et al., ICML 2016).
    sdpo: weight of the softmax preference loss against several drawn items (S-DPO, NeurIPS 2024).
    self_play: weight of the same loss against what the network itself would show (SPRec, WWW 2025).

    A recommender that trains by it holds ``objective: Objective = field(init=False, ...)``; training levers set it
    before a fit.
    """

    inverse_propensity: float = 0.0
    sdpo: float = 0.0
    self_play: float = 0.0

    @property
    def prefers(self) -> bool:
        """Tell whether a stage of preferences follows the training."""
        return self.sdpo > 0 or self.self_play > 0

    def weights(self, counts: Floats) -> Floats | None:
        """Return a loss weight per item, of mean 1 over the log; None where all are 1."""
        if not self.inverse_propensity:
            return None
        weight = np.maximum(counts, 1.0) ** -self.inverse_propensity
        return np.asarray(weight * counts.sum() / max(counts @ weight, 1e-12))

    def preference(
        self,
        network: "SequenceNetwork",
        reference: "SequenceNetwork",
        hidden: "tuple[Tensor, Tensor]",
        items: "Tensor",
        taken: "Tensor",
    ) -> "Tensor":
        """Return the weighted preference losses at N places; ``hidden`` is what network and reference made of them.

        S-DPO draws from all items ``taken``, each as likely; self-play draws what the reference, which is
        the network as it was when the pass began, would show.
        """
        import torch

        some = torch.randperm(len(items))[:PLACES]
        items, ours, theirs = items[some], hidden[0][some], hidden[1][some]
        total = torch.zeros(())
        if self.sdpo > 0:
            drawn = taken[torch.randint(len(taken), (len(items), DRAWN))]
            total = total + self.sdpo * softmax_preference(network, reference, (ours, theirs), items, drawn)
        if self.self_play > 0:
            shown = torch.multinomial(reference.likely(theirs).exp(), DRAWN, replacement=True)
            total = total + self.self_play * softmax_preference(network, reference, (ours, theirs), items, shown)
        return total


def softmax_preference(
    network: "SequenceNetwork",
    reference: "SequenceNetwork",
    hidden: "tuple[Tensor, Tensor]",
    items: "Tensor",
    others: "Tensor",
) -> "Tensor":
    """Return the mean of -log sigmoid(-log sum over others of exp(its gain on the reference - the target's gain)).

    ``others`` is (N, M); those that are the target do not count.
    """
    import torch
    from torch.nn import functional

    both = torch.hstack([items[:, None], others])
    gain = network.scores(hidden[0], both) - reference.scores(hidden[1], both)
    behind = (gain[:, 1:] - gain[:, :1]).masked_fill(others == items[:, None], -torch.inf)
    return functional.softplus(behind.logsumexp(dim=1)).mean()
