"""What was seen, in plain sentences made of the headline figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.compare import FEWEST_FOR_INTERVAL
from analysis.headlines import Entry, Line
from analysis.load import Study


@dataclass(frozen=True, slots=True)
class Claim:
    """How a headline is said: when it is higher than the baseline's, and when it is lower."""

    metric: str
    on: str
    higher: str
    lower: str
    group: str = "all"


CLAIMS = (
    Claim("gini_index", "shown", "spread exposure more unequally", "spread exposure more evenly"),
    Claim("catalog_coverage", "shown", "reached more of the catalog", "reached less of the catalog"),
    Claim("popularity_lift", "shown", "pulled niche users further toward popular items",
          "kept niche users closer to, or below, the popularity of their own taste", "niche"),
    Claim("mean_pairwise_jaccard", "shown", "made users' slates more alike", "made users' slates less alike"),
    Claim("topic_entropy", "shown", "showed each user a wider mix of genres",
          "showed each user a narrower mix of genres"),
    Claim("view_ratio", "user", "got more of what it showed watched", "got less of what it showed watched"),
)  # fmt: skip


def replication(study: Study) -> str:
    """Return how far the figures can be trusted, by the number of seeds."""
    n = len(study.seeds)
    if n < FEWEST_FOR_INTERVAL:
        return f"n = {n}, no interval"
    return f"n = {n} seeds, 95 % intervals over paired seeds"


def findings(study: Study, table: Sequence[Line]) -> list[tuple[str, list[str]]]:
    """Return for each arm but the baseline (for a single run: the run) what was seen, as phrases."""
    if len(study.arms) == 1:
        return [(study.baseline, [f"{line.headline.label}: {_value(line, study.baseline)}" for line in _told(table)])]
    return [(arm, [_phrase(study, claim, line, arm) for claim, line in _claims(table)]) for arm in study.arms[1:]]


def _claims(table: Sequence[Line]) -> Iterator[tuple[Claim, Line]]:
    for claim in CLAIMS:
        for line in table:
            about = line.headline
            if (about.metric, about.on, about.group) == (claim.metric, claim.on, claim.group):
                yield claim, line


def _told(table: Sequence[Line]) -> list[Line]:
    return [line for _, line in _claims(table)]


def _value(line: Line, arm: str) -> str:
    return line.headline.text(line.entry(arm).mean)


def _phrase(study: Study, claim: Claim, line: Line, arm: str) -> str:
    entry, about = line.entry(arm), line.headline
    figures = f"{about.label} {_value(line, arm)} against {_value(line, study.baseline)}"
    alike = _value(line, arm) == _value(line, study.baseline)
    verb = f"did not visibly differ where it could have {claim.higher}" if alike else _verb(claim, entry)
    return f"{verb} ({figures}{_difference(line, entry)})"


def _verb(claim: Claim, entry: Entry) -> str:
    against = entry.contrast
    if against is None or against.difference != against.difference or against.difference == 0:
        return f"did not differ where it could have {claim.higher}"
    if against.low <= 0 <= against.high:
        return f"cannot be said to have {claim.higher if against.difference > 0 else claim.lower}"
    return claim.higher if against.difference > 0 else claim.lower


def _difference(line: Line, entry: Entry) -> str:
    against = entry.contrast
    if against is None or against.low != against.low:
        return ""
    change = line.headline.change
    return f"; difference {change(against.difference)}, 95 % interval {change(against.low)} to {change(against.high)}"
