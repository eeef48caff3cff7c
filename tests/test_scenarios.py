"""The scenario files of this repository are valid, and their page is current."""

from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from simulator.scenario_file import digest, expand, read, resolved
from simulator.scenario_page import markdown
from simulator.scenario_schema import json_schema
from simulator.source import load

FOLDER = Path(__file__).parent.parent / "scenarios"
FILES = sorted(FOLDER.rglob("*.yaml"))


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
    assert [digest(part.scenario) for part in expand(again)] == [digest(part.scenario) for part in expand(scenario)]


def test_the_page_is_current():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == markdown(), "make docs"


@pytest.fixture(scope="module")
def editor():
    """What an editor does with the schema."""
    Draft7Validator.check_schema(json_schema())
    return Draft7Validator(json_schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_editor_accepts_a_scenario(path, editor):
    assert not list(editor.iter_errors(load(path).data))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("sed",), 1),
        (("days",), "no"),
        (("recommender", "recncy"), 1),
        (("recommender", "recency"), "much"),
        (("recommender", "retrain"), "1 day"),
        (("recommender", "kind"), "easy"),
        (("data", "min_interactions"), -1),
        (("users", "persona"), "from_history"),
    ],
)
def test_an_editor_sees_a_mistake(place, value, editor):
    data = load(FOLDER / "smoke.yaml").data
    holder = data if len(place) == 1 else data[place[0]]
    holder[place[-1]] = value
    (error,) = editor.iter_errors(data)
    assert place[-1] in str(error.message) or place[-1] in error.absolute_path
