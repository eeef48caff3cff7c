"""Studies through the command line: shared randomness, skipped cells, comparison."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.command_line import ROOT, outcome, tasteloop

SCENARIO = """
name: two
seed: 5
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 15}
behavior: {kind: calibrated, fit_users: 20}
recommender: {slate_size: 5}
study:
  baseline: random
  seeds: 2
  arms:
    random: {recommender: {kind: random}}
    twin: {recommender: {kind: random}}
    ease: {recommender: {kind: ease}}
"""


side_by_side = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="on one core cells run in turn")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "two.yaml").write_text(SCENARIO)
    done = tasteloop("study", folder / "two.yaml", "--out", folder / "out", figures=True)
    assert done.stdout.splitlines()[-1] == str(folder / "out")
    return folder / "out"


def cells(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    content = json.loads((folder / "study.json").read_text())
    return {(cell["arm"], cell["seed"]): cell for cell in content["cells"]}


def digests(folder: Path) -> dict[tuple[str, int], str]:
    return {key: cell["log_digest"] for key, cell in cells(folder).items()}


def test_arms_of_a_seed_share_their_random_numbers(finished: Path) -> None:
    found = digests(finished)
    assert set(found) == {(arm, seed) for arm in ("random", "twin", "ease") for seed in (5, 6)}
    assert found["random", 5] == found["twin", 5]
    assert found["random", 5] != found["ease", 5]
    assert found["random", 5] != found["random", 6]


def test_a_study_leaves_a_report_figures_and_metrics(finished: Path) -> None:
    assert (finished / "report.html").stat().st_size < 3 * 2**20
    assert len(list((finished / "plots").glob("*.png"))) >= 8
    assert (finished / "metrics.parquet").exists()


def test_finished_cells_are_skipped_and_lost_ones_come_out_the_same(finished: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(finished, again)
    shutil.rmtree(again / "cells" / "ease-s6")
    kept = (again / "cells" / "random-s5" / "manifest.json").stat().st_mtime_ns
    resumed = outcome(tasteloop("resume", again, "--json"))
    assert {cell["status"] for cell in resumed["cells"]} == {"finished"}
    assert cells(again)["ease", 6]["log_digest"] == cells(finished)["ease", 6]["log_digest"]
    assert (again / "cells" / "random-s5" / "manifest.json").stat().st_mtime_ns == kept


def test_compare_pairs_by_seed(finished: Path) -> None:
    rows = outcome(tasteloop("compare", finished, "--metric", "gini_index", "--json"))["rows"]
    twin = [row["difference"] for row in rows if row["arm"] == "twin"]
    assert twin == [0.0] * len(twin) != []
    assert any(row["difference"] != 0 for row in rows if row["arm"] == "ease")


def test_a_scenario_without_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(SCENARIO.partition("study:")[0].replace("slate_size: 5", "kind: random"))
    assert "run_sim.py run" in tasteloop("study", tmp_path / "one.yaml", check=2).stderr


def begun(folder: Path) -> None:
    """Wait until a study is about to start its processes."""
    while not (folder / "study.json").exists():
        time.sleep(0.02)


def finished_by(wanted: int, folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a study has some finished cells."""
    while process.poll() is None:
        manifests = [json.loads(path.read_text()) for path in folder.glob("cells/*/manifest.json")]
        if sum(manifest["status"] == "finished" for manifest in manifests) >= wanted:
            return
        time.sleep(0.02)


def begin(scenario: Path, out: Path) -> "subprocess.Popen[str]":
    """Start a study whose cells run side by side, in a process group of its own."""
    command = [sys.executable, str(ROOT / "run_sim.py"), "study", str(scenario), "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def nobody_left(group: int) -> bool:
    """Say whether every process of a group is gone, waiting a little for it."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@side_by_side
def test_cells_side_by_side_have_the_digests_of_cells_in_turn(finished: Path, tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})  # inherited: on one core a study runs its cells in turn
        done = tasteloop("study", finished.parent / "two.yaml", "--out", tmp_path / "out")
    finally:
        os.sched_setaffinity(0, before)
    assert digests(tmp_path / "out") == digests(finished)
    frames = [pd.read_parquet(folder / "metrics.parquet") for folder in (finished, tmp_path / "out")]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    assert "finished after" in done.stderr


@side_by_side
@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow), (signal.SIGKILL, -9)]
)
def test_a_study_ended_by_a_signal_leaves_nobody_and_resumes_to_the_same_logs(
    finished: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    process = begin(finished.parent / "two.yaml", out)
    finished_by(1, out, process)
    os.kill(process.pid, number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert nobody_left(process.pid)
    if code > 0:
        assert f"resume {out}" in errors
    assert "Traceback" not in errors
    assert {cell["status"] for cell in outcome(tasteloop("resume", out, "--json"))["cells"]} == {"finished"}
    assert digests(out) == digests(finished)


@side_by_side
@pytest.mark.parametrize("wanted", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_ctrl_c_of_a_terminal_reaches_all_processes_and_stops_them_in_order(
    finished: Path, tmp_path: Path, wanted: int
) -> None:
    process = begin(finished.parent / "two.yaml", tmp_path / "out")
    begun(tmp_path / "out")
    time.sleep(0.3)
    finished_by(wanted, tmp_path / "out", process)
    os.killpg(process.pid, signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in errors
    states = [json.loads(path.read_text())["status"] for path in tmp_path.glob("out/cells/*/manifest.json")]
    assert set(states) <= {"finished", "stopped"}
    assert states.count("finished") >= wanted


@side_by_side
def test_a_cells_error_ends_the_study_with_its_message_and_code(finished: Path, tmp_path: Path) -> None:
    scenario = finished.parent / "two.yaml"
    done = tasteloop("study", scenario, "--set", "budget.minutes=0.0001", "--out", tmp_path / "out", check=5)
    assert "budget.minutes" in done.stderr
    assert f"resume {tmp_path / 'out'}" in done.stderr
    assert outcome(tasteloop("resume", tmp_path / "out", "--budget-minutes", 60, "--json"))["cells"]
    assert digests(tmp_path / "out") == digests(finished)


def test_a_study_of_lags_says_what_lag_changes(tmp_path: Path) -> None:
    small = ("days=1", "users.count=12", "data.kind=synthetic:tiny", "data.min_interactions=5", "study.seeds=3")
    sets = [word for entry in small for word in ("--set", entry)]
    tasteloop("study", ROOT / "scenarios" / "lag.yaml", *sets, "--out", tmp_path / "out", figures=True)
    figures = {figure["name"]: figure for figure in json.loads((tmp_path / "out/plots/captions.json").read_text())}
    assert "18 intervals exclude 0" in figures["lag_bias"]["alt"]
    frame = pd.read_csv(tmp_path / "out" / "plots" / "lag_bias.csv")
    assert {(row.arm, row.lag) for row in frame.itertuples()} == {("lag1", 1), ("lag2", 2), ("lag4", 4)}
    assert set(frame["seed"]) == {1, 2, 3}
    assert figures["lag_bias"]["title"] in (tmp_path / "out" / "report.html").read_text()


GRID = (
    SCENARIO.replace("seeds: 2", "seeds: 3").replace("    twin: {recommender: {kind: random}}\n", "")
    + """
  grid: {choice.rho: [0, 1]}
  hypotheses:
    - {claim: what is learned from is shown again, metric: gini_index, arm: ease, expect: more, delta: 0.01}
    - {claim: lots are less even than habits, metric: gini_index, arm: random, against: ease, expect: more}
    - {claim: a difference nobody could miss, metric: gini_index, arm: ease, expect: more, delta: 0.99}
"""
)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("grid")
    (folder / "grid.yaml").write_text(GRID)
    done = tasteloop("study", folder / "grid.yaml", "--out", folder / "out", "--json")
    return folder / "out", json.loads(done.stdout.splitlines()[-1])


def test_hypotheses_are_judged_at_every_point_of_the_grid(grid: tuple[Path, dict[str, Any]]) -> None:
    folder, told = grid
    assert len(told["cells"]) == 2 * 2 * 3
    found = {said["claim"]: said for said in told["hypotheses"]}
    verdicts = {claim: said["verdict"] for claim, said in found.items()}
    assert list(verdicts.values()) == ["held", "refuted", "refuted"]
    held = found["what is learned from is shown again"]
    assert [point["where"] for point in held["points"]] == ["rho 0", "rho 1"]
    assert all(point["low"] > 0.01 for point in held["points"])
    assert held["points"][0]["difference"] != held["points"][1]["difference"]
    report = (folder / "report.html").read_text()
    assert '<span class="verdict held">held</span>' in report
    assert "a difference nobody could miss" in report
    figures = pd.read_parquet(folder / "metrics.parquet")
    assert sorted(figures["choice.rho"].unique()) == [0, 1]


def test_points_of_a_grid_share_their_random_numbers(grid: tuple[Path, dict[str, Any]]) -> None:
    folder, told = grid
    histories = {
        pd.read_parquet(next((folder / cell["folder"] / "log").glob("history-*.parquet"))).to_csv()
        for cell in told["cells"]
        if cell["seed"] == 5
    }
    assert len(histories) == 1


def test_a_gate_fails_where_a_difference_is_beyond_its_limit(grid: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = grid
    failed = tasteloop("compare", folder, "--metric", "gini_index", "--fail-if", "gini_index>+5%", check=6)
    assert "ease at rho 0 differs from random by +" in failed.stderr
    assert "% in gini_index on shown" in failed.stderr
    assert "rho 1" in failed.stdout, "the table comes first"
    passed = tasteloop("compare", folder, "--fail-if", "gini_index<-0.01", "--fail-if", "gini_index@consumed>+900%")
    assert "gini_index" in passed.stdout
    for wrong, why in (("gini_index", "METRIC>LIMIT"), ("gini_indx>1", "not measured"), ("gini_index@user>1", "on:")):
        assert why in tasteloop("compare", folder, "--fail-if", wrong, check=2).stderr


def test_a_misnamed_metric_of_a_hypothesis_is_found_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(GRID.replace("metric: gini_index", "metric: gini_indexx", 1))
    failed = tasteloop("study", tmp_path / "wrong.yaml", "--out", tmp_path / "out", check=2)
    assert "study.hypotheses.0.metric: unknown metric 'gini_indexx'; did you mean 'gini_index'?" in failed.stderr
    assert not (tmp_path / "out").exists()
