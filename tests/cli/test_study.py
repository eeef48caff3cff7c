"""Studies through the command line: shared randomness, skipped cells, comparison."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import outcome, tasteloop

SCENARIO = """
name: two
seed: 5
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 15}
behavior: {kind: calibrated}
recommender: {slate_size: 5}
study:
  baseline: random
  seeds: 2
  arms:
    random: {recommender: {kind: random}}
    twin: {recommender: {kind: random}}
    ease: {recommender: {kind: ease}}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "two.yaml").write_text(SCENARIO)
    done = tasteloop("study", folder / "two.yaml", "--out", folder / "out")
    assert done.stdout.splitlines()[-1] == str(folder / "out")
    return folder / "out"


def cells(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    content = json.loads((folder / "study.json").read_text())
    return {(cell["arm"], cell["seed"]): cell for cell in content["cells"]}


def test_arms_of_a_seed_share_their_random_numbers(finished: Path) -> None:
    digests = {key: cell["log_digest"] for key, cell in cells(finished).items()}
    assert set(digests) == {(arm, seed) for arm in ("random", "twin", "ease") for seed in (5, 6)}
    assert digests["random", 5] == digests["twin", 5]
    assert digests["random", 5] != digests["ease", 5]
    assert digests["random", 5] != digests["random", 6]


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
