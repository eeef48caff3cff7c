"""What happened to the platform during a study, as its logs say."""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.load import Run, Study
from analysis.metrics.periods import MINUTES_A_DAY


@dataclass(frozen=True, slots=True)
class Spell:
    """One intervention, from its begin to its end, in days; ``end`` None: to the end of the run."""

    kind: str
    detail: str
    begin: float
    end: float | None
    arms: tuple[str, ...]
    """The arms it happened to."""

    def when(self) -> str:
        """Return its time in words.

        >>> Spell("outage", "", 2.0, 2.5, ()).when(), Spell("ban_items", "", 1.0, None, ()).when()
        ('day 2 to 2.5', 'from day 1')
        """
        return f"from day {self.begin:g}" if self.end is None else f"day {self.begin:g} to {self.end:g}"

    def whose(self, study: Study) -> str:
        """Return the arms it happened to in words, nothing where it happened to all."""
        return "" if len(self.arms) == len(study.arms) else f" ({', '.join(self.arms)})"


def spells(study: Study) -> list[Spell]:
    """Return the interventions of a study by their begin, those that arms share once; seeds share them all."""
    arms: dict[tuple[str, str, float, float | None], list[str]] = {}
    for arm in study.arms:
        for spell in _of(study.of(arm)[0].run):
            arms.setdefault((spell.kind, spell.detail, spell.begin, spell.end), []).append(arm)
    found = [Spell(*what, tuple(dict.fromkeys(of))) for what, of in arms.items()]
    return sorted(found, key=lambda spell: spell.begin)


def _of(run: Run) -> Iterator[Spell]:
    """Yield the interventions of one run in the order of its scenario."""
    for _, rows in run.table("interventions").groupby("intervention", sort=True):
        begun = rows[rows["event"] == "begin"].iloc[0]
        ended = rows.loc[rows["event"] == "end", "now"]
        end = None if ended.empty else float(ended.iloc[0]) / MINUTES_A_DAY
        yield Spell(str(begun["kind"]), str(begun["detail"]), float(begun["now"]) / MINUTES_A_DAY, end, ())
