"""What a publication claims, beside what runs of its set-up gave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from agents.schema import Floats
from analysis.fidelity.summary import Summary, Target, interval
from analysis.load import Run, Study

Figure = Callable[[Run], float]
"""What is read off one run."""


@dataclass(frozen=True)
class Claim:
    """A claim about one figure: what was published, what this study must show of it, and the figure per seed."""

    target: Target
    published: str
    by_seed: tuple[float, ...]
    claimed: bool = True
    """Whether the study fails without it; what is not reproduced here is measured and printed all the same."""

    @cached_property
    def measured(self) -> Summary:
        """Return the mean over seeds with its 95 % t interval."""
        return interval(self.by_seed)

    @property
    def holds(self) -> bool:
        """Tell whether the claim came out; one that could not be measured did not."""
        return bool(self.target.met({self.target.figure: self.measured}))

    def row(self) -> dict[str, Any]:
        """Return the claim as one row of a table."""
        words = {"claim": self.target.figure, "published": self.published, "expected": self.target.wanted()}
        return {**words, **self.measured, "seeds": len(self.by_seed), "passed": self.holds, "claimed": self.claimed}


def about(figure: str, published: str, by_seed: Floats, low: float, high: float) -> Claim:
    """Return the claim that a figure lies within a tolerance in the mean."""
    return Claim(Target(figure, low, high), published, tuple(by_seed.tolist()))


def above(figure: str, published: str, by_seed: Floats, least: float = 0.0) -> Claim:
    """Return the claim that a figure, such as a difference paired by seed, is above a bound with its whole interval."""
    return Claim(Target(figure, low=least, firm=True), published, tuple(by_seed.tolist()))


def unclaimed(claim: Claim) -> Claim:
    """Return the claim as one that this study is not held to."""
    return replace(claim, claimed=False)


def falling(what: str, published: str, figures: Mapping[str, Floats], order: Sequence[str]) -> list[Claim]:
    """Return one claim per step of an order from the highest to the lowest, each a difference paired by seed."""
    return [above(f"{what}: {one} - {two}", published, figures[one] - figures[two]) for one, two in pairwise(order)]


def by_arm(study: Study, figure: Figure) -> dict[str, Floats]:
    """Return a figure of every cell, per arm an array by seed."""
    return {arm: np.array([figure(cell.run) for cell in study.of(arm)]) for arm in study.arms}
