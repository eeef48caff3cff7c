"""One run, however it is moved: in columns, on clocks, interrupted, strict."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from agents.errors import Interrupted
from simulator import checkpoint
from simulator.run import budget_of, models, run
from simulator.scenario_file import read

RULES = """
name: rules
seed: 5
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 60}
behavior:
  kind: mixed
  members:
    - {kind: calibrated, fit_users: 20, share: 0.4}
    - {kind: affinity, share: 0.2}
    - {kind: cascade, share: 0.2}
    - {kind: uniform, share: 0.2}
recommender: {kind: item_knn, slate_size: 6, retrain: 8h}
"""
TALKING = RULES.replace(
    "members:", "members:\n    - {kind: llm, share: 0.3, model: scripted, fallback: {kind: calibrated, fit_users: 20}}"
).replace("recommender:", "llm: {scripted: {kind: scripted}}\nrecommender:")


def played(folder: Path, text: str, *sets: str, stop_after: int | None = None) -> dict[str, Any]:
    """Run (or go on with) a scenario in a folder; stop it at the n-th committed window where asked to."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_suffix(".yaml")
    path.write_text(text)
    scenario = read(path, list(sets))
    commits = iter(range(10**6))
    with models(scenario, folder.parent / f"{folder.name}.journal") as dispatcher:
        stop = lambda: stop_after is not None and next(commits) >= stop_after  # noqa: E731
        return run(scenario, folder, dispatcher, budget_of(scenario), stop=stop)


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Every row on disk."""
    found: dict[str, list[pd.DataFrame]] = {}
    for path in sorted((folder / "log").glob("*.parquet")):
        found.setdefault(path.stem.rpartition("-")[0], []).append(pd.read_parquet(path))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}


@pytest.mark.parametrize("text", [RULES, TALKING], ids=["rules", "talking"])
def test_columns_and_clocks_write_the_same_log(tmp_path: Path, text: str) -> None:
    columns = played(tmp_path / "columns", text)
    clocks = played(tmp_path / "clocks", text, "engine.columns=false")
    assert columns["counts"]["pages"] > 100
    assert columns["log_digest"] == clocks["log_digest"]
    left, right = tables(tmp_path / "columns"), tables(tmp_path / "clocks")
    assert left.keys() == right.keys()
    for name in left.keys() - {"llm_calls"}:
        pd.testing.assert_frame_equal(left[name], right[name])


@pytest.mark.parametrize("relevance", ["genres", "hashed"])
def test_what_talkers_read_and_were_told_is_in_the_log(tmp_path: Path, relevance: str) -> None:
    played(tmp_path / "run", TALKING, f"users.memory.relevance={relevance}")
    log = tables(tmp_path / "run")
    memory = log["memory"]
    shown, talking = log["impressions"], log["users"]["behavior"] == "llm"
    read = shown[shown["user_id"].isin(log["users"]["user_id"][talking]) & (shown["action"] != "unseen")]
    written = memory.query("operation == 'write'")
    assert len(written) > 50
    assert written[["now", "user_id", "item_id"]].values.tolist() == read[["now", "user_id", "item_id"]].values.tolist()
    told = memory.query("operation == 'recall'")
    assert len(told) > 10
    assert told["tokens"].le(300).all()
    for recall in told.itertuples():
        before = written[(written["user_id"] == recall.user_id) & (written["now"] < recall.now)]["text"]
        assert set(recall.text.splitlines()) <= set(before)


@pytest.mark.parametrize("text", [RULES, TALKING], ids=["rules", "talking"])
def test_lags_agree_where_nothing_shared_changes(tmp_path: Path, text: str) -> None:
    frozen = ("recommender.retrain=never", "platform.popularity=frozen")
    runs = [played(tmp_path / f"lag{lag}", text, *frozen, f"platform.visibility_lag={lag}") for lag in (0, 1, 3)]
    assert len({manifest["log_digest"] for manifest in runs}) == 1


def test_lag_delays_what_others_do(tmp_path: Path) -> None:
    runs = [played(tmp_path / f"lag{lag}", RULES, f"platform.visibility_lag={lag}") for lag in (0, 1, 40)]
    assert len({manifest["log_digest"] for manifest in runs}) == 3


@pytest.mark.parametrize(
    ("rows", "stops"),
    [
        (250_000, (30,)),
        (300, (11, 90)),
        (250_000, (150,)),
        *(pytest.param(*both, marks=pytest.mark.slow) for both in ((300, (30,)), (250_000, (11, 90)), (300, (150,)))),
    ],
)
def test_a_run_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: tuple[int, ...], rows: int
) -> None:
    whole = played(tmp_path / "whole", RULES)
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    monkeypatch.setattr("simulator.commits.SEGMENT_ROWS", rows)
    for stop_after in stops:
        with pytest.raises(Interrupted):
            played(tmp_path / "run", RULES, stop_after=stop_after)
    assert (tmp_path / "run" / "checkpoints" / "columns.npz").exists()
    monkeypatch.setattr(checkpoint, "LEAST_S", 1e6)
    again = played(tmp_path / "run", RULES)
    assert again["log_digest"] == whole["log_digest"]
    assert again["counts"] == whole["counts"]
    left, right = tables(tmp_path / "whole"), tables(tmp_path / "run")
    for name in left:
        pd.testing.assert_frame_equal(left[name], right[name])
    assert not (tmp_path / "run" / "checkpoints" / "columns.npz").exists()


def test_a_resumed_run_skips_what_its_checkpoint_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    with pytest.raises(Interrupted):
        played(tmp_path / "run", RULES, stop_after=100)
    with pytest.raises(Interrupted):
        played(tmp_path / "run", RULES, stop_after=0)
    day = json.loads((tmp_path / "run" / "status.json").read_text())["day"]
    assert day == pytest.approx(101 * 15 / 1440)


def test_a_checkpoint_of_a_log_that_is_gone_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = played(tmp_path / "whole", RULES)
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    with pytest.raises(Interrupted):
        played(tmp_path / "run", RULES, stop_after=60)
    for path in (tmp_path / "run" / "log").glob("*"):
        path.unlink()
    assert played(tmp_path / "run", RULES)["log_digest"] == whole["log_digest"]


ASKING = RULES.replace("count: 60", "count: 20, search: 0.3").replace(
    "recommender: {kind: item_knn,",
    "llm: {reader: {kind: scripted}}\nrecommender: {kind: llm_rank, inner: item_knn, model: reader,",
)


def test_a_run_whose_recommender_asks_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = played(tmp_path / "whole", ASKING)
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    with pytest.raises(Interrupted):
        played(tmp_path / "run", ASKING, stop_after=80)
    monkeypatch.setattr(checkpoint, "LEAST_S", 1e6)
    again = played(tmp_path / "run", ASKING)
    assert again["log_digest"] == whole["log_digest"]
    assert again["counts"] == whole["counts"], "questions of recommenders included"
