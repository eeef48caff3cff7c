"""Interventions on every axis of time: a line where one begins, a band where it also ends."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.interventions import Spell
from analysis.load import Study
from analysis.metrics.periods import MINUTES_A_DAY
from analysis.plots.style import FAINT, INK, shown_arm

LONGEST = 28
"""Letters that fit beside a line; where names would be longer, numbers stand for them, and the caption says of what."""


def mark(figure: Figure, study: Study, spells: Sequence[Spell]) -> str:
    """Draw interventions on the figure's axes of time; return what the caption says of them, nothing if there are none.

    An axis of one arm shows that arm's alone. The point of a period stands at its begin for all of it, so what happens
    at its begin is drawn half a period to the left.
    """
    timed = [ax for ax in figure.axes if shown_arm(ax) is not None]
    if not (timed and spells):
        return ""
    labels, before = _labels(spells), study.every / MINUTES_A_DAY / 2
    for ax in timed:
        mine = [place for place, spell in enumerate(spells) if shown_arm(ax) in ("", *spell.arms)]
        for begin in dict.fromkeys(spells[place].begin for place in mine):
            together = [place for place in mine if spells[place].begin == begin]
            _draw(ax, [spells[place] for place in together], ", ".join(labels[place] for place in together), before)
    said = "; ".join(f"{n}. {s.kind}, {s.when()}{s.whose(study)}" for n, s in enumerate(spells, 1))
    return f" Vertical lines are interventions, bands where they end again: {said}."


def _labels(spells: Sequence[Spell]) -> list[str]:
    """Return the names of interventions, or their numbers where the names that share a line would not fit beside it."""
    names = [spell.kind.replace("_", " ") for spell in spells]
    shared: dict[float, int] = {}
    for name, spell in zip(names, spells, strict=True):
        shared[spell.begin] = shared.get(spell.begin, -2) + len(name) + 2
    return names if max(shared.values()) <= LONGEST else [str(n) for n in range(1, len(spells) + 1)]


def _draw(ax: Axes, spells: Sequence[Spell], label: str, before: float) -> None:
    """Draw interventions that begin together, so many days before their time."""
    at = spells[0].begin - before
    for spell in spells:
        if spell.end is not None:
            ax.axvspan(at, spell.end - before, color=FAINT, alpha=0.12, linewidth=0, zorder=0)
    ax.axvline(at, color=FAINT, linewidth=0.9, linestyle=(0, (2, 1.5)), zorder=1)
    ax.annotate(
        label,
        (at, 1),
        xycoords=("data", "axes fraction"),
        xytext=(1.5, -1.5),
        textcoords="offset points",
        rotation=90,
        ha="left",
        va="top",
        fontsize=8,
        color=INK,
        parse_math=False,
        bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 0.4},
    )
