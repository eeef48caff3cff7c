"""What adding rows to real ones does to popularity and genres."""

from typing import TYPE_CHECKING

import numpy as np

from agents.schema import Floats
from analysis.augment.columns import tv_complement
from analysis.augment.space import Space
from analysis.metrics.concentration import gini_index
from analysis.metrics.lists import Lists
from analysis.metrics.popularity import arp

if TYPE_CHECKING:
    from simulator.catalog import Interactions


def profile_popularity(log: "Interactions", phi: Floats) -> float:
    """Return the average popularity of what users have (ARP of their profiles)."""
    users, owner = np.unique(log.user_id, return_inverse=True)
    return float(arp(Lists.of_showings(owner, log.item_id, len(users)), phi))


def bias(log: "Interactions", phi: Floats, genres: Floats) -> tuple[float, float, Floats]:
    """Return popularity Gini, ARP and genre shares; ``phi`` are shares of real users who have each item."""
    mass = genres[log.item_id].sum(axis=0)
    return float(gini_index(log.counts(len(phi)))), profile_popularity(log, phi), mass / max(mass.sum(), 1e-12)


def bias_shift(real: "Interactions", other: "Interactions", space: Space) -> dict[str, float]:
    """Return the popularity Gini and the ARP of real rows alone and with the others, and how far genres move.

    Popularity is that of the real rows before and after. ``genre_shift`` is the total variation of genre shares.
    """
    phi = real.counts(len(space.popularity)) / max(len(np.unique(real.user_id)), 1)
    before = bias(real, phi, space.genres)
    after = bias(type(real).concatenate([real, other]), phi, space.genres)
    return {
        "gini_before": before[0],
        "gini_after": after[0],
        "gini_shift": after[0] - before[0],
        "arp_before": before[1],
        "arp_after": after[1],
        "arp_shift": after[1] / before[1] - 1 if before[1] else float("nan"),
        "genre_shift": 1 - tv_complement(before[2], after[2]),
    }
