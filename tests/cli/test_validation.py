"""Published studies through the command line: claims beside figures, and exit code 6 where one does not come out."""

import json
from pathlib import Path

import pytest

from tests.command_line import outcome, tasteloop


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validation")
    (folder / "told.json").write_text(tasteloop("validation", "all", "--fast", "--out", folder, "--json").stdout)
    return folder


def test_the_fast_studies_come_out(finished: Path) -> None:
    told = json.loads((finished / "told.json").read_text().splitlines()[-1])
    assert told["passed"]
    assert told["fast"]
    studies = {one["study"]: one for one in told["studies"]}
    assert set(studies) == {"jiang", "rhee"}
    for name, one in studies.items():
        assert one["passed"]
        assert one["cpu_s"] > 0
        content = json.loads((finished / name / "study.json").read_text())
        assert {cell["status"] for cell in content["cells"]} == {"finished"}
        for claim in one["claims"]:
            assert claim["low"] <= claim["value"] <= claim["high"]
            assert claim["seeds"] >= 3
            assert claim["published"]
            assert claim["expected"]


def test_a_claim_that_does_not_come_out_ends_with_six(finished: Path, tmp_path: Path) -> None:
    swapped = "study.arms.bpr.recommender.kind=random"
    done = tasteloop("validation", "rhee", "--fast", "--set", swapped, "--out", tmp_path, check=6)
    assert "rhee: PRI: bpr" in done.stderr
    assert "FAILED" in done.stdout
    assert done.stdout.splitlines()[-1] == str(tmp_path)
    assert "Traceback" not in done.stderr


def test_what_has_run_is_read_again_and_other_runs_are_refused(finished: Path) -> None:
    cell = finished / "rhee" / "cells" / "random-s1" / "manifest.json"
    before = cell.stat().st_mtime_ns
    again = outcome(tasteloop("validation", "rhee", "--fast", "--out", finished, "--json"))
    first = json.loads((finished / "told.json").read_text().splitlines()[-1])["studies"][-1]
    assert again["studies"][0]["claims"] == first["claims"]
    assert cell.stat().st_mtime_ns == before
    changed = ("--set", "recommender.slate_size=100")
    assert "another form" in tasteloop("validation", "rhee", "--fast", *changed, "--out", finished, check=2).stderr


def test_an_unknown_study_is_named(tmp_path: Path) -> None:
    assert "did you mean 'rhee'?" in tasteloop("validation", "rhe", "--out", tmp_path, check=2).stderr
    refused = tasteloop("validation", "zhu", "--fast", "--out", tmp_path, check=2)
    assert "leave out --fast, or take jiang, rhee" in refused.stderr
    assert not list(tmp_path.iterdir())
