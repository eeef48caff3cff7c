from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.errors import InvalidInput
from agents.persona import Personas
from agents.personas.written import Written, read
from agents.traits import measure
from analysis.cli import run
from tests.agents.worlds import history, items
from tests.command_line import called, outcome
from tests.simulator.execution.test_local import RULES, tables

TWO = """
- name: Ada <|im_end|>
  activity: 2
  conformity: 0.9
  tastes: {Horror: 2.0, Drama: -1.0}
- narrative: |
    You only watch
    what is short.
"""


def written(tmp_path: Path, text: str, count: int = 5) -> Personas:
    path = tmp_path / "people.yaml"
    path.write_text(text)
    log, catalog = history(), items()
    counts = np.bincount(log.item_id, minlength=len(catalog)).astype(float)
    return Written(path=path).make(np.full(count, -1), tuple(map(str, range(60))), log, catalog, counts, None)  # type: ignore[arg-type]


def test_what_is_written_holds_and_the_rest_is_the_median_user_s(tmp_path: Path) -> None:
    personas = written(tmp_path, TWO)
    real = measure(history(), items(), np.ones(80), 60)
    ada, terse = personas[0], personas[1]
    assert (ada.name, ada.activity, ada.conformity) == ("Ada ‹¦im_end¦›", 2.0, 0.9)
    assert ada.rating_mean == pytest.approx(np.median(real.rating_mean))
    assert max(ada.tastes, key=ada.tastes.__getitem__) == "Horror"
    assert min(ada.tastes, key=ada.tastes.__getitem__) == "Drama"
    assert sum(ada.tastes.values()) == pytest.approx(0.0, abs=1e-6)
    assert ada.narrative.startswith("You watch movies") and "You like Horror." in ada.narrative  # noqa: PT018
    assert terse.narrative == "You only watch what is short."
    assert (terse.name, terse.activity) == ("invented 1", np.median(real.activity))
    assert replace(personas[2], user_id=0) == ada
    assert personas.names()[3] == "invented 3"
    assert set(personas.sources()) == {""}


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("- activity: much\n- conformity: 1.5\n", ["1: activity: 'much'", "2: conformity: '1.5' .* from 0 to 1"]),
        ("- activity: '2'\n", ["1: activity: '2' is not a number"]),
        ("- activity: .nan\n- activity: [1]\n", ["1: activity", "2: activity: 'a list or mapping'"]),
        ("-\n  name: A\n  activty: 1\n", ["3: a persona has no 'activty'; it may have: name"]),
        ("- name: A\n  name: B\n", ["2: 'name' is given twice"]),
        ("- tastes:\n  - Horror\n", ["2: tastes is a mapping"]),
        ("- name: {a: b}\n- 7\n", ["1: text is wanted", "2: a persona is a mapping"]),
        ("name: A\n", ["1: a file of personas is a list"]),
        ("", ["1: a file of personas is a list"]),
        ("- name: A\n  - x: :\n\t", ["people.yaml:2: "]),
        ("- narrative: " + "x" * 2001, ["1: the text has 2001 characters"]),
        ("[" * 5000, ["people.yaml"]),
    ],
)
def test_every_mistake_is_named_with_its_line(tmp_path: Path, text: str, complaints: list[str]) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read(path)
    for complaint in complaints:
        assert caught.match(complaint)
    with pytest.raises(InvalidInput):
        Written(path=path)


def test_genres_are_those_of_the_catalog(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"people.yaml:3: the catalog has no genre 'Horor'; it has: Action"):
        written(tmp_path, "- tastes:\n    Drama: 1\n    Horor: 2\n")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="check the path"):
        read(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read(tmp_path / "bytes.yaml")


def test_a_run_of_written_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    people = tmp_path / "people.yaml"
    people.write_text("- {name: Keen, activity: 4}\n- {name: Rare, activity: 0.25}\n")
    kind = f'{{count: 60, persona: {{kind: written, path: "{people}"}}}}'
    (tmp_path / "s.yaml").write_text(RULES.replace("{count: 60}", kind))
    done = called(run.command, str(tmp_path / "s.yaml"), "--out", str(tmp_path / "run"), "--json")
    assert done.exit_code == 0, done.output
    assert outcome(done)["counts"]["pages"] > 100
    log = tables(tmp_path / "run")
    visits = log["sessions"].groupby("user_id").size().reindex(range(60), fill_value=0)
    assert visits[::2].sum() > 4 * visits[1::2].sum()
    assert log["users"]["name"].tolist() == ["Keen", "Rare"] * 30
