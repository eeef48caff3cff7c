"""The score command on odd and on bad tables."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agents.errors import InvalidInput
from analysis.cli.score import command

GOOD = {
    "slates": "user_id,item_id,rank\nu1,A,1\nu1,B,2\nu2,B,1\n",
    "train": "user_id,item_id\nu1,A\nu2,A\nu2,B\n",
    "items": "item_id,genres\nA,Drama\nB,\n",
}


def run(folder: Path, *extra: str, **tables: str) -> Any:
    app = typer.Typer()
    app.command()(command)
    arguments = list(extra)
    for name, text in {"slates": GOOD["slates"], "train": GOOD["train"], **tables}.items():
        path = folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        arguments += [f"--{name}", str(path)]
    return CliRunner().invoke(app, arguments)


def figures(folder: Path, **tables: str) -> dict[str, Any]:
    result = run(folder, "--json", **tables)
    assert result.exit_code == 0, result.exception
    return dict(json.loads(result.stdout))


def test_readable_table(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert "gini_index " in result.stdout
    assert "catalog: union of train and slates" in result.stdout


def test_undefined_is_null_not_zero(tmp_path: Path) -> None:
    answer = figures(tmp_path, test="user_id,item_id\nu9,A\n")
    assert answer["metrics"]["ndcg_at_k"]["value"] is None
    assert answer["metrics"]["ndcg_at_k"]["n_skipped"] == 3


def test_users_without_a_slate_are_counted(tmp_path: Path) -> None:
    answer = figures(tmp_path, train="user_id,item_id\nu1,A\nu2,A\nu3,B\n")
    assert (answer["metrics"]["arp"]["n"], answer["metrics"]["arp"]["n_skipped"]) == (2, 1)


def test_unknown_items_are_flagged_and_have_no_popularity(tmp_path: Path) -> None:
    slates = "user_id,item_id,rank\nu1,A,1\nu1,made up,2\n"
    answer = figures(tmp_path, slates=slates, items=GOOD["items"])
    assert answer["unknown_items"] == ["made up"]
    assert answer["metrics"]["arp"]["value"] == pytest.approx(0.5)
    assert answer["metrics"]["invalid_rate"]["value"] == pytest.approx(0.5)
    assert answer["metrics"]["catalog_coverage"]["value"] == pytest.approx(0.5)


def test_repeated_interactions_count_once_and_are_reported(tmp_path: Path) -> None:
    once = figures(tmp_path)
    twice = figures(tmp_path, train=GOOD["train"] + "u1,A\n")
    assert twice["repeated_rows"] == 1
    assert twice["metrics"] == once["metrics"]


def test_row_and_column_order_do_not_matter(tmp_path: Path) -> None:
    other = figures(tmp_path, slates="\ufeffrank,note,item_id,user_id\n1,x,B,u2\n2,y,B,u1\n1,z,A,u1\n\n")
    assert other == figures(tmp_path)


@pytest.mark.parametrize(
    ("table", "text", "place", "words"),
    [
        ("slates", "", "slates.csv", "empty file"),
        ("slates", "user_id,item_id,rank\n", "slates.csv", "no rows"),
        ("slates", "user,item_id,rank\nu1,A,1\n", "slates.csv:1", "user_id"),
        ("slates", "user_id,item_id,rank\nu1,A,1\nu1,A,2\n", "slates.csv:3", "'A'"),
        ("slates", "user_id,item_id,rank\nu1,A,0\n", "slates.csv:2", "from 1"),
        ("slates", "user_id,item_id,rank\nu1,A,first\n", "slates.csv:2", "'first'"),
        ("slates", "user_id,item_id,rank\nu1,A,1.5\n", "slates.csv:2", "whole number"),
        ("slates", "user_id,item_id,rank\nu1,A,1\nu1,B,1\n", "slates.csv:3", "without gap or tie"),
        ("slates", "user_id,item_id,rank\nu1,A,1\nu1,B,3\n", "slates.csv:3", "without gap or tie"),
        ("slates", "user_id,item_id,rank\nu1,A,1\n,B,1\n", "slates.csv:3", "user_id is empty"),
        ("slates", "user_id,item_id,rank\nu1,A,1\nu1,B,2,9,9\n", "slates.csv", "line 3"),
        ("train", "user_id,item_id\nu1\n", "train.csv:2", "item_id is empty"),
        ("items", "item_id,genres\nA,Drama\nA,War\n", "items.csv:3", "twice"),
        ("items", "item_id\nA\n", "items.csv:1", "genres"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, table: str, text: str, place: str, words: str) -> None:
    result = run(tmp_path, **{table: text})
    assert isinstance(result.exception, InvalidInput), result.exception
    assert place in str(result.exception)
    assert words in str(result.exception)


def test_missing_and_binary_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"user_id,item_id\n\xff\xfe,A\n")
    for path, words in (("absent.csv", "cannot be read"), ("binary.csv", "UTF-8")):
        result = run(tmp_path, "--test", str(tmp_path / path))
        assert isinstance(result.exception, InvalidInput), result.exception
        assert words in str(result.exception)
