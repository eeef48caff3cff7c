"""What a metric is: a formula with its declaration, and the value it gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isnan
from typing import Literal

import numpy as np

from agents.schema import Bools, Floats, Ints

Outcome = Literal[
    "concentration",
    "diversity",
    "echo chamber",
    "filter bubble",
    "homogenization",
    "polarization",
    "discrimination",
    "volume",
    "accuracy",
]
"""The taxonomy of arXiv 2407.01630, and ``accuracy``, which that survey leaves out."""

Level = Literal["individual", "item", "ecosystem"]
Direction = Literal["more biased", "less biased", "better", "neither"]
"""What a larger value means."""

INF = float("inf")

ROUNDING = 1e-12
"""A spread up to this is that of rounding."""


@dataclass(frozen=True, slots=True)
class Null:
    """What a figure would be by chance: mean and standard deviation over draws."""

    mean: float
    sd: float

    @staticmethod
    def of(draws: Floats) -> "Null":
        """Return the mean and standard deviation of drawn figures.

        >>> Null.of(np.array([1.0, 3.0]))
        Null(mean=2.0, sd=1.0)
        """
        return Null(float(draws.mean()), float(draws.std()))

    def z(self, value: float) -> float:
        """Return how many standard deviations a value lies from the mean, NaN where chance does not vary.

        >>> Null(2.0, 1.0).z(4.0)
        2.0
        """
        return (value - self.mean) / self.sd if self.sd > ROUNDING else float("nan")


@dataclass(frozen=True, slots=True)
class Value:
    """One measured figure.

    ``n`` counts what was averaged (users, items or pairs), ``n_skipped`` what had to be left out.
    ``tied_mass`` is the share of interactions held by items tied at the head/tail boundary, which
    only the item id put on one side; 0 where there is no boundary. ``per_user`` are the figures that
    were averaged, NaN for users left out, where each depends on that user alone. ``null`` is what chance
    gives, for figures that say nothing without it.
    """

    value: float
    n: int
    n_skipped: int = 0
    tied_mass: float = 0.0
    per_user: Floats | None = field(default=None, repr=False, compare=False)
    null: Null | None = field(default=None, repr=False)

    def __float__(self) -> float:
        return self.value

    def of_users(self, users: Ints) -> "Value | None":
        """Return the mean over some users alone, None where that takes more than their figures."""
        return None if self.per_user is None else mean_value(self.per_user[users], self.tied_mass)


def mean_value(per_user: Floats, tied_mass: float = 0.0) -> Value:
    """Return the mean over users whose figure exists; NaN marks users to skip, and no users give NaN.

    >>> mean_value(np.array([1.0, np.nan, 2.0]))
    Value(value=1.5, n=2, n_skipped=1, tied_mass=0.0)
    """
    there = per_user[~np.isnan(per_user)]
    value = float(there.mean()) if len(there) else float("nan")
    return Value(value, len(there), len(per_user) - len(there), tied_mass, per_user)


def sums_by(group: Ints, values: Floats | Bools, n: int) -> Floats:
    """Return the sum of a value per row within each of n groups.

    >>> sums_by(np.array([0, 2, 0]), np.array([1.0, 2.0, 4.0]), 3).tolist()
    [5.0, 0.0, 2.0]
    """
    return np.bincount(group, weights=values, minlength=n).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Metric:
    """A declared metric: everything a reader must know to reproduce one number.

    ``inputs`` names the fields of the evidence that ``function`` takes, in order; where one of them
    is missing, the metric does not apply.
    """

    name: str
    definition_id: str
    outcome: Outcome
    level: Level
    inputs: tuple[str, ...]
    range: tuple[float, float]
    direction: Direction
    source: str
    function: Callable[..., Value]
    of_nothing: float = float("nan")
    """The value where there is nothing to measure."""

    def measure(self, evidence: object) -> Value | None:
        """Return the value on this evidence, None where an input is missing."""
        arguments = [getattr(evidence, name) for name in self.inputs if hasattr(evidence, name)]
        if len(arguments) < len(self.inputs) or any(argument is None for argument in arguments):
            return None
        return self.function(*arguments)

    def figures(self, value: Value) -> Iterator[tuple[str, str, float]]:
        """Yield name, definition_id and figure of a value and, where it has a null, of null mean, null sd and z.

        >>> metric = Metric("q", "q/x", "echo chamber", "item", (), (0, 1), "neither", "nobody", mean_value)
        >>> [*metric.figures(Value(0.5, 9, null=Null(0.1, 0.2)))][2:]
        [('q_null_sd', 'q/x/null-sd', 0.2), ('q_z', 'q/x/z', 2.0)]
        """
        yield self.name, self.definition_id, value.value
        if value.null is not None:
            null = {"null_mean": value.null.mean, "null_sd": value.null.sd, "z": value.null.z(value.value)}
            for part, figure in null.items():
                yield f"{self.name}_{part}", f"{self.definition_id}/{part.replace('_', '-')}", figure

    @property
    def meaning(self) -> str:
        """Return in one line what the metric says: the first of its function's docstring."""
        line = (self.function.__doc__ or "").strip().partition("\n")[0]
        return line.removeprefix("Return ").rstrip(".")

    @property
    def details(self) -> str:
        """Return what its function's docstring says beyond that, up to the example."""
        more = (self.function.__doc__ or "").strip().partition("\n")[2]
        return " ".join(more.partition(">>>")[0].split())

    @property
    def edges(self) -> str:
        """Return what happens to users whom it cannot be measured of, and where there is nothing to measure."""
        nothing = "NaN" if isnan(self.of_nothing) else f"{self.of_nothing:g}"
        if self.level == "individual":
            return f"users it cannot be measured of are skipped and counted in n_skipped; nobody left gives {nothing}"
        return f"nothing to measure gives {nothing}"
