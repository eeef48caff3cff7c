"""The transfer matrix and the injection experiment, through the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from agents.errors import InvalidInput
from analysis.cli import injection, transfer
from tests.command_line import called, outcome

pytest.importorskip("torch")

SCENARIO = """
name: tiny
data: {kind: "synthetic:tiny"}
recommender: RECOMMENDER
"""


def asking(folder: Path, recommender: str) -> Path:
    """Write a scenario file with a recommender and return its path."""
    path = folder / "tiny.yaml"
    path.write_text(SCENARIO.replace("RECOMMENDER", recommender))
    return path


def test_every_set_of_tasks_is_trained_and_compared(tmp_path: Path) -> None:
    scenario = asking(tmp_path, "{kind: p5, epochs: 1, width: 8, blocks: 1, length: 6}")
    told = outcome(called(transfer.command, scenario, "--seeds", 2, "--users", 30, "--out", tmp_path, "--json"))
    sets = [tuple(row["tasks"]) for row in told["rows"]]
    assert len(sets) == len(set(sets)) == 7
    assert told["users"] == 30
    for row in told["rows"]:
        for task, figures in transfer.FIGURES.items():
            assert all((name in row) == (task in row["tasks"]) for name in figures)
        if len(row["tasks"]) == 1:
            gains = [row[name]["value"] for name in row if name.endswith("_gained")]
            assert gains == [0] * len(gains)
    assert 0.3 < told["beside"]["user_mean_rmse"] < 3
    assert json.loads((tmp_path / "transfer.json").read_text())["rows"] == told["rows"]
    assert (tmp_path / "transfer_matrix.png").stat().st_size > 5000
    assert "rating_rmse" in (tmp_path / "transfer_matrix.csv").read_text()


def test_controls_are_compared_on_warm_and_cold_items(tmp_path: Path) -> None:
    scenario = asking(tmp_path, "{kind: collm, epochs: 1, mapping_epochs: 1, width: 8}")
    told = outcome(called(injection.command, scenario, "--seeds", 2, "--out", tmp_path, "--json"))
    rows = {row["injection"]: row for row in told["rows"]}
    assert tuple(rows) == injection.CONTROLS
    assert rows["text_only"]["auc_warm_gained"]["value"] == 0
    assert rows["ensemble"]["auc_cold_gained"]["value"] != rows["ensemble"]["auc_warm_gained"]["value"]
    assert rows["soft"]["auc_warm"] != rows["placebo"]["auc_warm"]
    assert all(0 <= row[f"auc_{part}"]["value"] <= 1 for row in rows.values() for part in ("warm", "cold"))
    assert (tmp_path / "injection_panel.png").stat().st_size > 5000


def test_cold_items_are_in_no_training_and_compared_with_cold_ones() -> None:
    from simulator.components import build

    dataset = build("data", "synthetic:tiny").load()
    trial = injection.Trial.of(dataset.interactions, dataset.catalog, 0.2, 3)
    cold = np.unique(trial.offers[trial.cold])
    assert not np.isin(cold, trial.train.item_id).any()
    assert not np.isin(trial.requests.history, cold).any()
    assert not np.isin(trial.offers[~trial.cold], cold).any()
    assert 0 < trial.cold.mean() < 0.5
    for row, offers in zip(trial.requests.user_id.tolist(), trial.offers, strict=True):
        taken = dataset.interactions.item_id[dataset.interactions.user_id == row]
        assert offers[0] in taken
        assert not np.isin(offers[1:], taken).any()


@pytest.mark.parametrize(
    ("command", "spec"),
    [
        (transfer.command, "popularity"),
        (transfer.command, "{kind: p5, tasks: [rating]}"),
        (injection.command, "{kind: collm, injection: soft}"),
    ],
)
def test_another_recommender_is_refused(command, spec, tmp_path: Path) -> None:
    assert isinstance(called(command, asking(tmp_path, spec)).exception, InvalidInput)
