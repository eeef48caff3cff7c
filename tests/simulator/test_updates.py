"""Between refits the platform takes in what is new: as versions, in the log, and again after a stop."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agents.errors import Interrupted, InvalidInput
from analysis.cli import run as run_command
from analysis.load import load
from simulator import checkpoint
from simulator.data.synthetic import Synthetic
from simulator.fits import Fits
from simulator.recommenders.base import Requests
from simulator.recommenders.planted import requests_of
from simulator.run import budget_of, models, run
from simulator.scenario_file import read
from tests.command_line import called, outcome

SMALL = {"kind": "sasrec", "epochs": 1, "refit_epochs": 1, "length": 8, "width": 8, "blocks": 1}
SCENARIO = f"""
name: updates
days: 2
data: {{kind: "synthetic:tiny", min_interactions: 5}}
users: {{count: 40, max_pages: 2, sessions_per_day: 4}}
recommender: {json.dumps(SMALL | {"slate_size": 5, "retrain": "1d", "update": "8h"})}
"""
HOURS = 60.0


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("updates") / "updates.yaml"
    path.write_text(SCENARIO)
    return path


def played(scenario: Path, folder: Path, stop_after: int | None = None) -> dict[str, Any]:
    """Run, or go on with, the scenario; stop it at the n-th committed window where asked to."""
    read_scenario, commits = read(scenario, []), iter(range(10**6))
    stop = lambda: stop_after is not None and next(commits) >= stop_after  # noqa: E731
    with models(read_scenario, folder.parent / "journal") as dispatcher:
        return run(read_scenario, folder, dispatcher, budget_of(read_scenario), stop=stop)


@pytest.fixture(scope="module")
def whole(scenario: Path) -> dict[str, Any]:
    """What the command prints of the scenario run without a stop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
        return outcome(called(run_command.command, scenario, "--out", scenario.parent / "whole", "--json"))


def test_updates_are_versions_that_users_see(whole: dict[str, Any]) -> None:
    found = load(Path(whole["run"]))
    updates, refits = found.updates, found.refits
    assert updates["now"].tolist() == [8 * HOURS, 16 * HOURS, 32 * HOURS, 40 * HOURS]
    assert updates["model_version"].tolist() == [1, 2, 4, 5], "the third is the refit of the first day"
    assert refits["model_version"].tolist() == [0, 3]
    taken = found.impressions[found.impressions["action"] == "watch"]
    for row, since in zip(updates.itertuples(), (0.0, 8 * HOURS, 24 * HOURS, 32 * HOURS), strict=True):
        assert row.rows == ((taken["now"] >= since) & (taken["now"] < row.now)).sum() > 0
    seen = found.impressions.groupby("model_version")["now"].agg(["min", "max"])
    assert seen.index.tolist() == [0, 1, 2, 3, 4, 5]
    lag = 2 * 15
    assert (seen["min"].to_numpy()[1:] >= np.array([8, 16, 24, 32, 40]) * HOURS + lag).all()


def test_a_run_with_updates_goes_on_after_stops(
    scenario: Path, whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    for stop_after in (40, 60):
        with pytest.raises(Interrupted):
            played(scenario, tmp_path / "part", stop_after)
    fits = {path: path.stat().st_mtime_ns for path in (tmp_path / "part" / "checkpoints").glob("fit-*.npz")}
    assert len(fits) > 1
    monkeypatch.setattr(Fits, "forget", lambda _: None)
    again = played(scenario, tmp_path / "part")
    assert again["log_digest"] == whole["log_digest"]
    assert {path: path.stat().st_mtime_ns for path in fits} == fits, "what was made is not made again"
    left, right = (load(folder).updates for folder in (Path(whole["run"]), tmp_path / "part"))
    pd.testing.assert_frame_equal(left, right)


def test_updates_need_a_recommender_that_takes_them(scenario: Path, tmp_path: Path) -> None:
    settings = ("--set", "recommender.kind=item_knn")
    done = called(run_command.command, scenario, *settings, "--out", tmp_path / "run")
    assert isinstance(done.exception, InvalidInput)
    assert "recommender.update: item_knn takes nothing in between refits" in str(done.exception)


def test_an_update_moves_what_is_shown_and_leaves_what_was_before(tmp_path: Path) -> None:
    world = Synthetic(variant="tiny").load()
    log = world.interactions
    cut = len(log) // 2
    fits = Fits(tmp_path, SMALL, 1, world.catalog, warm=True)
    before = fits.fit(0, log.take(np.arange(cut)), None)
    states, key = before.state(), fits.key
    after = fits.update(1, log.take(np.arange(cut, len(log))), before)
    requests: Requests = requests_of([log.item_id[:5]], [log.item_id[:0]])
    assert not np.array_equal(after.recommend(requests, 10).score, before.recommend(requests, 10).score)
    for name, value in before.state().items():
        np.testing.assert_array_equal(value, states[name])
    assert after.state()["counts"].sum() > before.state()["counts"].sum()
    fits.key = key
    again = fits.update(1, log.take(np.arange(cut, len(log))), before)
    for name, value in after.state().items():
        np.testing.assert_array_equal(value, again.state()[name])
    other = fits.update(2, log.take(np.arange(cut, len(log) - 1)), before)
    assert other.state()["counts"].sum() < after.state()["counts"].sum()
