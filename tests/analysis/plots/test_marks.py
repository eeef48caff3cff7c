"""Interventions on figures: where a line stands, whose it is, and what the caption says."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.interventions import Spell, spells
from analysis.load import Study, load_study
from analysis.plots.marks import mark
from analysis.plots.style import day_axis, panels
from simulator.log import TABLES, Act
from tests.analysis.fake_study import write_study

OUTAGE = (Act(1440.0, 0, "outage", "begin", "nothing is shown"), Act(2160.0, 0, "outage", "end", "over"))
BAN = (Act(2880.0, 1, "ban_items", "begin", "2 items: <b>, $x"),)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a study whose first arm nothing happens to, and whose others share an outage."""
    folder = write_study(tmp_path_factory.mktemp("marks") / "study", seeds=[7])
    found = load_study(folder)
    for arm, acts in zip(found.arms[1:], (OUTAGE, OUTAGE + BAN), strict=True):
        rows = pd.DataFrame(acts, columns=list(TABLES["interventions"].__annotations__))
        pq.write_table(pa.Table.from_pandas(rows), found.of(arm)[0].run.folder / "log/interventions-00000.parquet")
    return found


def test_what_arms_share_is_told_once(study: Study) -> None:
    first, second = spells(study)
    assert (first.kind, first.begin, first.end, first.arms) == ("outage", 1.0, 1.5, study.arms[1:])
    assert (second.kind, second.when(), second.arms) == ("ban_items", "from day 2", study.arms[2:])
    assert second.whose(study) == f" ({study.arms[2]})"


def test_lines_stand_half_a_day_before_the_days_they_change(study: Study) -> None:
    figure, (every, own, other) = panels(3)
    for ax in (every, own):
        ax.plot([0, 3], [0, 1])
        day_axis(ax, "1d", "" if ax is every else study.arms[1])
    said = mark(figure, study, spells(study))
    assert [float(line.get_xdata()[0]) for line in every.lines[1:]] == [0.5, 1.5]
    assert [float(line.get_xdata()[0]) for line in own.lines[1:]] == [0.5]
    assert [text.get_text() for text in every.texts] == ["outage", "ban items"]
    assert not other.lines
    (band,) = own.patches
    assert (band.get_x(), band.get_width()) == (0.5, 0.5)
    assert f"1. outage, day 1 to 1.5 ({', '.join(study.arms[1:])}); 2. ban_items, from day 2" in said


def test_names_that_would_not_fit_are_numbers(study: Study) -> None:
    many = [Spell("switch_recommender", str(n), 1.0, None, study.arms) for n in range(2)]
    figure, (ax,) = panels(1)
    day_axis(ax, "1d")
    assert "2. switch_recommender, from day 1" in mark(figure, study, many)
    assert [text.get_text() for text in ax.texts] == ["1, 2"]


def test_figures_without_time_or_studies_without_interventions_are_left_alone(study: Study, tmp_path: Path) -> None:
    figure, (ax,) = panels(1)
    assert mark(figure, study, spells(study)) == ""
    day_axis(ax, "1d")
    assert mark(figure, study, []) == ""
    assert not ax.lines
