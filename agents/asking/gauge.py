"""How much a language model's scores tell of real choices: one coefficient in the choice model."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Floats

PRIOR = 1.0
"""Variance of the normal prior of the coefficient, centered at 0: few slates cannot shout."""
FAR = 3.0
"""Standardized scores are cut here, so that one odd title cannot decide alone."""
STEPS = 30


@dataclass(frozen=True)
class Gauge:
    """Standardization and coefficient of scores, with its standard error and number of real choices."""

    mean: float = 0.0
    sd: float = 1.0
    coefficient: float = 0.0
    error: float = float("nan")
    slates: int = 0

    def extra(self, values: Floats) -> Floats:
        """Return what scores add to utilities."""
        return np.asarray(self.coefficient * self.standardized(values))

    def standardized(self, values: Floats) -> Floats:
        """Return scores in standard deviations from what they are for items not taken."""
        return np.asarray(np.clip((values - self.mean) / self.sd, -FAR, FAR))


def fit(scores: Floats, offset: Floats) -> Gauge:
    """Fit the coefficient to real choices: rows are slates, column 0 is what was really taken.

    ``offset`` is what the choice model says without the scores, the draw's log-weight subtracted.
    A conditional logit by Newton's method with a normal prior. A negative coefficient, which would say
    that the model prefers what its person does not, counts as no signal and becomes 0.
    """
    if not len(scores):
        return Gauge()
    others = scores[:, 1:]
    rough = Gauge(float(others.mean()), max(float(others.std()), 1e-9))
    z = rough.standardized(scores)
    coefficient, information = 0.0, 1.0 / PRIOR
    for _ in range(STEPS):
        utility = offset + coefficient * z
        share = np.exp(utility - utility.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        center = (share * z).sum(axis=1)
        information = 1.0 / PRIOR + float((share * z**2).sum() - (center**2).sum())
        coefficient += float((z[:, 0] - center).sum() - coefficient / PRIOR) / information
    return Gauge(rough.mean, rough.sd, max(coefficient, 0.0), information**-0.5, len(scores))
