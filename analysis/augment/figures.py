"""The figures of a quality report: what each is, what would be ideal, and from where on it is worrying."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, isnan

from agents.errors import InvalidInput

Span = tuple[float, float]
ANY: Span = (-inf, inf)


@dataclass(frozen=True)
class Figure:
    """One figure and its heuristic thresholds: no publication gives any, and ``--threshold`` changes them.

    passes: where nothing is wrong.
    warns: outside of it something is; between the two it may be.
    """

    name: str
    part: str
    meaning: str
    ideal: float | None
    passes: Span = ANY
    warns: Span = ANY

    def verdict(self, value: float, low: float, high: float) -> str:
        """Return pass where all of the interval is in ``passes``, fail where all is outside ``warns``, else warn.

        Without an interval the value alone decides; a figure without thresholds, or without a value, has no verdict.

        >>> gini = Figure("gini", "bias", "", 0.0, (-0.1, 0.1), (-0.2, 0.2))
        >>> gini.verdict(0.0, -0.05, 0.05), gini.verdict(0.0, -0.15, 0.15), gini.verdict(0.3, 0.25, 0.35)
        ('pass', 'warn', 'fail')
        """
        if isnan(value) or self.passes == ANY:
            return "none"
        ends = (value, value) if isnan(low) else (low, high)
        if self.passes[0] <= ends[0] and ends[1] <= self.passes[1]:
            return "pass"
        return "fail" if ends[1] < self.warns[0] or ends[0] > self.warns[1] else "warn"


def _least(passes: float, warns: float) -> tuple[Span, Span]:
    return (passes, inf), (warns, inf)


def _most(passes: float, warns: float) -> tuple[Span, Span]:
    return (-inf, passes), (-inf, warns)


def _within(passes: float, warns: float) -> tuple[Span, Span]:
    return (-passes, passes), (-warns, warns)


FIGURES = (
    Figure("rating_ks_complement", "columns", "1 - Kolmogorov-Smirnov distance of ratings", 1.0, *_least(0.9, 0.8)),
    Figure("popularity_ks_complement", "columns", "the same of the popularity of items taken", 1.0, *_least(0.9, 0.8)),
    Figure("year_ks_complement", "columns", "the same of the year of items taken", 1.0, *_least(0.9, 0.8)),
    Figure("genre_tv_complement", "columns", "1 - total variation of genre shares", 1.0, *_least(0.95, 0.9)),
    Figure("item_tv_complement", "columns", "1 - total variation of item shares; few rows lower it", 1.0),
    Figure("density_ratio", "structure", "density over that of real rows, as they are", 1.0),
    Figure("activity_gini_gap", "structure", "Gini of rows per user less the real one, as they are", 0.0),
    Figure("user_degree_ks_complement", "structure", "1 - KS distance of rows per user, as they are", 1.0),
    Figure("popularity_gini_gap", "structure", "Gini of rows per item less the real one", 0.0, *_within(0.05, 0.1)),
    Figure("item_degree_ks_complement", "structure", "1 - KS distance of rows per item", 1.0, *_least(0.9, 0.8)),
    Figure("cooccurrence_cosine", "structure", "cosine of counts of items taken by one user", 1.0, *_least(0.8, 0.5)),
    Figure("precision", "neighborhoods", "users within a ball of real ones (k = 5)", 1.0, *_least(0.8, 0.6)),
    Figure("recall", "neighborhoods", "real users within a ball of others", 1.0, *_least(0.8, 0.6)),
    Figure("density", "neighborhoods", "real balls around a user, over 5", 1.0, *_least(0.8, 0.5)),
    Figure("coverage", "neighborhoods", "real balls that hold any user", 1.0, *_least(0.8, 0.6)),
    Figure("two_sample_auc", "two-sample", "AUC of a classifier of users", 0.5, (0.4, 0.65), (0.3, 0.8)),
    Figure("gini_before", "bias shift", "popularity Gini of the real rows", None),
    Figure("gini_after", "bias shift", "popularity Gini with the others added", None),
    Figure("gini_shift", "bias shift", "change of the popularity Gini", 0.0, *_within(0.02, 0.05)),
    Figure("arp_before", "bias shift", "average popularity of profiles, real rows", None),
    Figure("arp_after", "bias shift", "average popularity of profiles with the others added", None),
    Figure("arp_shift", "bias shift", "relative change of ARP", 0.0, *_within(0.05, 0.15)),
    Figure("genre_shift", "bias shift", "total variation of genre shares, before and after", 0.0, *_most(0.02, 0.05)),
    Figure("mia_auc", "privacy", "AUC of the membership attack", 0.5, *_most(0.55, 0.65)),
    Figure("mia_tpr_at_1_fpr", "privacy", "its true-positive rate at 1 % false positives", 0.01, *_most(0.02, 0.05)),
    Figure("copied_share", "privacy", "users copied from one real user (copy detector)", 0.0, *_most(0.01, 0.05)),
    Figure("closest_record", "privacy", "median distance to the closest real user (copy detector)", None),
)
"""Every figure, by part; where no other is said, users of both sides have equally many entries."""


def with_thresholds(given: Mapping[str, tuple[float, ...]]) -> tuple[Figure, ...]:
    """Return the figures with other thresholds: (pass low, pass high, warn low, warn high) by name.

    Raise InvalidInput for an unknown figure, or for four numbers of which warn does not hold pass.
    """
    known = {figure.name: figure for figure in FIGURES}
    for name, ends in given.items():
        if name not in known:
            raise InvalidInput(f"--threshold {name}: there is no such figure; there are: {', '.join(known)}")
        if len(ends) != 4 or not ends[2] <= ends[0] <= ends[1] <= ends[3]:
            raise InvalidInput(
                f"--threshold {name}: {ends} are not pass low, pass high, warn low, warn high, with pass inside warn; "
                f"write {name}=0.4,0.65,0.3,0.8"
            )
        known[name] = replace(known[name], passes=(ends[0], ends[1]), warns=(ends[2], ends[3]))
    return tuple(known.values())
