"""Hypotheses of a study: declared before it ran, judged by intervals."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from analysis.compare import WHOLE_RUN, Contrast, paired
from analysis.load import Study

HELD, REFUTED, OPEN = "held", "refuted", "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one hypothesis fared at one point of the grid; the contrast is the arm less what it is compared with."""

    hypothesis: Mapping[str, Any]
    against: str
    where: str
    contrast: Contrast
    verdict: str


def verdicts(study: Study) -> list[Verdict]:
    """Return every hypothesis judged at every point of the grid, hypothesis by hypothesis.

    It is held where the 95 % interval of the paired difference, in the expected direction, lies above the smallest
    effect of interest, refuted where it lies below, and inconclusive where it does neither or there is no interval.
    """
    return [_judged(said, there) for said in study.hypotheses for there in study.everywhere]


def overall(found: Iterable[Verdict]) -> str:
    """Return held or refuted where all points agree in that, else inconclusive."""
    words = {one.verdict for one in found}
    return words.pop() if len(words) == 1 else OPEN


def by_hypothesis(study: Study) -> list[dict[str, Any]]:
    """Return a mapping per hypothesis: what was declared, ``verdict`` over all points, and each of the ``points``."""
    found, size = verdicts(study), len(study.everywhere)
    parts = [found[first : first + size] for first in range(0, len(found), size)]
    return [
        {
            **part[0].hypothesis,
            "against": part[0].against,
            "verdict": overall(part),
            "points": [{"where": one.where, "verdict": one.verdict, **asdict(one.contrast)} for one in part],
        }
        for part in parts
    ]


def _judged(said: Mapping[str, Any], study: Study) -> Verdict:
    against = said["against"] or study.baseline
    frame = study.metrics
    rows = frame[(frame["metric"] == said["metric"]) & (frame["on"] == said["on"]) & (frame["group"] == said["group"])]
    rows = rows[(rows["day"] == WHOLE_RUN) & rows["snapshot"].isin(["", said["snapshot"]])]
    found = paired(rows, said["arm"], against)
    return Verdict(said, against, study.where, found, _word(found, said["expect"], said["delta"]))


def _word(found: Contrast, expect: str, delta: float) -> str:
    low, high = (found.low, found.high) if expect == "more" else (-found.high, -found.low)
    return HELD if low > delta else REFUTED if high < delta else OPEN
