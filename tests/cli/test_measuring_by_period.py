"""Figures over time by any period of simulated time, as a user asks for them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.cli import plot, report
from tests.command_line import called, outcome, tasteloop

SCENARIO = """
name: periods
seed: 3
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 40}
behavior: {kind: affinity}
recommender: {kind: random, slate_size: 5, retrain: 1d}
measures: {every: 6h}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("periods")
    (folder / "periods.yaml").write_text(SCENARIO)
    done = tasteloop("run", folder / "periods.yaml", "--json", "--out", folder / "run", figures=True)
    return Path(outcome(done)["run"])


def measured(run: Path) -> pd.DataFrame:
    return pd.read_parquet(run / "metrics.parquet")


def log(run: Path, table: str) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, sorted((run / "log").glob(f"{table}-*.parquet"))), ignore_index=True)


def coverage(run: Path, minutes: float) -> pd.Series:
    """Return the share of the catalog shown in each period, off the log."""
    shown = log(run, "impressions")
    begins = (shown["now"] // minutes) * minutes / 1440
    return shown.groupby(begins)["item_id"].nunique() / len(log(run, "items"))


def told(run: Path) -> pd.Series:
    frame = measured(run).query("metric == 'catalog_coverage' and on == 'shown' and day >= 0")
    return frame.set_index("day")["value"]


def test_a_scenario_says_by_what_period_it_is_measured(run: Path) -> None:
    frame = measured(run)
    assert set(frame.loc[frame["day"] >= 0, "period"]) == {"6h"}
    assert set(frame.loc[frame["day"] == -1, "period"]) == {"run"}
    expected = coverage(run, 360)
    assert told(run).index.tolist() == pytest.approx(expected.index.tolist())
    assert told(run).tolist() == pytest.approx(expected.tolist())
    assert expected.index.isin(np.arange(8) / 4).all()
    visits = log(run, "sessions")
    pages = visits.groupby([visits["start"] // 360 / 4, "user_id"])["pages"].mean().groupby(level=0).mean()
    exits = frame.query("metric == 'exit_page' and group == 'all' and day >= 0").set_index("day")["value"].dropna()
    assert exits.tolist() == pytest.approx(pages.tolist())


def test_figures_say_what_a_point_stands_for(run: Path) -> None:
    captions = {one["name"]: one for one in json.loads((run / "plots" / "captions.json").read_text())}
    for name in ("concentration_over_time", "homogenization_over_time", "lift_over_time", "topic_entropy_fan"):
        assert "A point per 6 hours." in captions[name]["caption"]
        data = pd.read_csv(run / "plots" / f"{name}.csv")
        assert set(data["period"]) == {"6h"}
        assert 0.25 in set(data["day"])
    assert "first to last 6 hours: " in captions["concentration_over_time"]["alt"]


def test_a_run_is_measured_anew_by_another_period_and_stays_the_same_run(run: Path) -> None:
    whole = measured(run).query("day == -1").reset_index(drop=True)
    assert called(report.command, str(run), "--every", "15m").exit_code == 0
    assert told(run).tolist() == pytest.approx(coverage(run, 15).tolist())
    assert len(told(run)) > 20, "a point a window"
    pd.testing.assert_frame_equal(measured(run).query("day == -1").reset_index(drop=True), whole)
    called(report.command, str(run), "--every", "1d")
    called(report.command, str(run))
    assert set(measured(run)["period"]) == {"1d", "run"}, "as it was measured before"
    called(plot.command, str(run), "--figure", "concentration_over_time")
    assert told(run).tolist() == pytest.approx(coverage(run, 1440).tolist())
    (caption,) = json.loads((run / "plots" / "captions.json").read_text())
    assert "A point per day." in caption["caption"]


@pytest.mark.parametrize("period", ["soon", "0h", "6"])
def test_what_is_no_period_is_refused(run: Path, period: str) -> None:
    refused = called(report.command, str(run), "--every", period)
    assert f"--every {period}: " in str(refused.exception)


def test_arms_and_grids_are_measured_alike(tmp_path: Path) -> None:
    study = "study: {baseline: a, arms: {a: {}, b: {measures: {every: 1h}}}, grid: {measures.every: [1h, 2h]}}\n"
    (tmp_path / "study.yaml").write_text(SCENARIO + study)
    refused = tasteloop("validate", tmp_path / "study.yaml", check=None)
    assert refused.returncode == 2
    assert "an arm cannot change this" in refused.stdout + refused.stderr
    assert "a grid cannot vary this" in refused.stdout + refused.stderr
