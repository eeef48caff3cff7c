"""The worked values of the toy world T1, through the command line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import tasteloop

ROOT = Path(__file__).resolve().parents[3]
T1 = ROOT / "tests" / "golden" / "t1"

WORKED = {
    "gini_index": 0.375,
    "gini_index_normalized": 0.45,
    "exposure_gini": 0.42214,
    "exposure_entropy": 1.49418,
    "effective_items": 4.45566,
    "hhi": 0.25,
    "catalog_coverage": 0.83333,
    "aggregate_diversity": 5,
    "arp": 0.28125,
    "aplt": 0.5,
    "tail_item_coverage": 1.0,
    "popularity_lift": -0.602941,
    "mean_pairwise_jaccard": 0.22222,
    "profile_mean_pairwise_jaccard": 0.44444,
    "inter_list_diversity": 0.66667,
    "intra_list_diversity": 0.46967,
    "ndcg_at_k": 0.811019,
    "recall_at_k": 0.875,
    "mrr": 0.875,
    "miuf": 1.80188,
    "group_average_popularity": 0.28125,
    "profile_average_popularity": 0.708333,
}


def score(*arguments: str) -> dict[str, Any]:
    done = tasteloop("score", *arguments, "--json", cwd=T1)
    assert done.stdout.count("\n") == 1
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def t1() -> dict[str, Any]:
    return score(
        *["--slates", "slates.csv", "--train", "train.csv", "--test", "test.csv", "--items", "items.csv", "-k", "2"]
    )


@pytest.mark.parametrize("name", WORKED)
def test_worked_value(t1: dict[str, Any], name: str) -> None:
    assert t1["metrics"][name]["value"] == pytest.approx(WORKED[name], abs=5e-6)


def test_lorenz_curve(t1: dict[str, Any]) -> None:
    assert t1["metrics"]["lorenz_curve"]["value"] == [0, 0, 0.125, 0.25, 0.375, 0.625, 1]


def test_every_figure_says_what_it_is(t1: dict[str, Any]) -> None:
    for name, figure in t1["metrics"].items():
        assert {"value", "definition_id", "n", "n_skipped"} <= set(figure), name
    assert t1["catalog"] == "items.csv"
    assert (t1["n_items"], t1["n_users"]) == (6, 4)


def test_the_head_is_cut_through_tied_items(t1: dict[str, Any]) -> None:
    assert t1["metrics"]["aplt"]["tied_mass"] == pytest.approx(0.3)


def of_one_user(tmp_path: Path, user: str, items: Sequence[str]) -> dict[str, Any]:
    slates = tmp_path / "one.csv"
    rows = [f"{user},{item},{rank}" for rank, item in enumerate(items, 1)]
    slates.write_text("\n".join(["user_id,item_id,rank", *rows]) + "\n")
    return dict(score("--slates", str(slates), "--train", "train.csv", "--items", "items.csv", "-k", "3")["metrics"])


def test_miscalibration_of_one_user(tmp_path: Path) -> None:
    figure = of_one_user(tmp_path, "u2", "CD")["miscalibration_kl"]
    assert figure["value"] == pytest.approx(3.18090, abs=5e-6)
    assert (figure["n"], figure["n_skipped"]) == (1, 3)


@pytest.mark.parametrize(("user", "profile", "bits"), [("u1", "ABC", 1.0), ("u2", "AB", 0.81128)])
def test_topic_entropy_of_one_user(tmp_path: Path, user: str, profile: str, bits: float) -> None:
    assert of_one_user(tmp_path, user, profile)["topic_entropy"]["value"] == pytest.approx(bits, abs=5e-6)


def test_without_items_the_catalog_is_what_was_seen() -> None:
    answer = score(*["--slates", "slates.csv", "--train", "train.csv", "-k", "2"])
    assert answer["catalog"] == "union of train and slates"
    assert answer["n_items"] == 6
    assert "topic_entropy" not in answer["metrics"]
    assert "ndcg_at_k" not in answer["metrics"]
