from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.finish import measured
from analysis.load import Study, load_study
from analysis.plots.lag_bias import TRACKS, LagBias, contrasts, lags_of


@pytest.fixture(scope="module")
def study(lagged: Path) -> Study:
    return measured(load_study(lagged))


def made(differences: dict[int, list[float]]) -> pd.DataFrame:
    """Return a frame of one panel: per lag the difference of each seed from baselines 1, 2, 3 ..."""
    rows = [
        {"panel": "gini", "lag": lag, "baseline_lag": 0, "baseline": 1.0 + seed, "value": 1.0 + seed + difference}
        for lag, found in differences.items()
        for seed, difference in enumerate(found)
    ]
    return pd.DataFrame(rows)


def test_every_difference_is_that_of_the_same_seed(study: Study) -> None:
    frame = LagBias().tidy(study)
    assert set(frame["panel"]) == {track.label for track in TRACKS}
    assert {(row.arm, row.lag) for row in frame.itertuples()} == {(study.arms[1], 1), (study.arms[2], 2)}
    for cell in frame[frame["panel"] == TRACKS[0].label].itertuples():
        for arm, value in ((cell.arm, cell.value), (study.baseline, cell.baseline)):
            (run,) = (c.run for c in study.of(arm) if c.seed == cell.seed)
            rows = run.metrics.query("metric == 'gini_index' and on == 'shown' and day == -1 and group == 'all'")
            assert rows["value"].item() == value


def test_only_arms_that_differ_in_nothing_but_lag_are_drawn(four_seeds: Path, lagged: Path, tmp_path: Path) -> None:
    assert lags_of(load_study(lagged)) == dict(zip(load_study(lagged).arms, (0, 1, 2), strict=True))
    assert lags_of(load_study(four_seeds)) == {}
    assert lags_of(load_study(next(lagged.glob("cells/*")))) == {}
    other = load_study(lagged)
    path = other.of(other.arms[1])[0].run.folder / "scenario.resolved.yaml"
    before = path.read_text()
    try:
        path.write_text(before + "days: 9\n")
        assert lags_of(other) == {}
    finally:
        path.write_text(before)


def test_what_is_seen_is_said_and_what_is_not_too() -> None:
    apart = made({1: [0.5, 0.51, 0.52, 0.49, 0.5], 2: [0.1, -0.1, 0.2, -0.2, 0.01]})
    words = LagBias().findings(apart)
    assert words.startswith("1 of 2 intervals exclude 0")
    assert "gini, lag 1: +0.5" in words
    assert "1 after Holm" in words
    still = LagBias().findings(made({1: [0.1, -0.1, 0.2], 2: [0.0, 0.0, 0.0]}))
    assert still.startswith("0 of 2 intervals exclude 0")
    assert "none after Holm" in still
    assert "No figure differs" in LagBias().findings(made({1: [0.0, 0.0, 0.0]}))
    assert "nothing can be said" in LagBias().findings(made({1: [0.1, 0.2]}))


def test_the_yardstick_is_the_baselines_spread_between_seeds() -> None:
    table = contrasts(made({1: [0.1, 0.1, 0.4]}))
    assert table["spread"].item() == pytest.approx(np.std([1.0, 2.0, 3.0], ddof=1))
    assert table["difference"].item() == pytest.approx(0.2)
