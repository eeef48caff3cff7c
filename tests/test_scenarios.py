"""The scenario files of this repository are valid, and their page is current."""

from pathlib import Path

import pytest

from simulator.scenario_file import digest, expand, read, resolved
from simulator.scenario_schema import markdown

FOLDER = Path(__file__).parent.parent / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_is_valid_and_named_like_its_file(path):
    assert read(path).name == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_resolved_scenario_reads_as_the_same_scenario(path, tmp_path):
    scenario = read(path)
    written = tmp_path / "scenario.resolved.yaml"
    written.write_text(resolved(scenario), encoding="utf-8")
    again = read(written)
    assert resolved(again) == resolved(scenario)
    assert [digest(cell) for _, _, cell in expand(again)] == [digest(cell) for _, _, cell in expand(scenario)]


def test_the_page_is_current():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == markdown(), "make docs"
