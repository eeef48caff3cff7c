"""Why what people rate is no random sample: they rate what they took, and took what they expected to like."""

import numpy as np
from scipy.special import logsumexp, ndtri

from agents.schema import Floats

EDGE = 1e-6


def level(utility: Floats, taken: Floats) -> Floats:
    """Return per user the utility (n, items) at which an item is taken once on average, given how many were taken."""
    return np.asarray(logsumexp(utility, axis=1) - np.log(np.maximum(taken, 1.0)))


def mills(utility: Floats, level: Floats) -> Floats:
    """Return the inverse Mills ratio phi(z) / Phi(z) of taking an item, elementwise (Heckman 1979).

    Phi(z) = 1 - exp(-exp(utility - level)). It is what an unobserved liking is expected to be, in
    standard deviations, given that the item was taken: large for what nobody would have expected the
    user to take, near 0 for what it would take anyway.

    >>> mills(np.array([-5.0, 0.0, 3.0]), np.zeros(3)).round(2).tolist()
    [2.8, 0.6, 0.0]
    """
    chance = np.clip(-np.expm1(-np.exp(utility - level)), EDGE, 1 - EDGE)
    z = ndtri(chance)
    return np.asarray(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / chance)
