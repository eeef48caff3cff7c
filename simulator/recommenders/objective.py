"""What a network that predicts the next item minimizes: cross-entropy, and what levers add to it."""

from dataclasses import dataclass


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
