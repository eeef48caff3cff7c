"""A stranger's recommender: written from the starter, checked, run; a broken one is told which rule it breaks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.errors import InvalidInput
from analysis.cli import evaluate
from simulator.cli import check_plugin, init
from simulator.recommenders.conformance import RULES
from tests.command_line import ROOT, called, outcome

ALONE = "return np.asarray(evidence + self._prior)"
TOGETHER = "return np.asarray(evidence + self._prior) * np.arange(1.0, len(requests) + 1)[:, None]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a starter that Python finds, forgotten again after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_own", raising=False)
    assert called(init.command, tmp_path / "my_own.py").exit_code == 0
    return tmp_path


def test_the_starter_keeps_every_rule_and_is_evaluated_by_its_path(folder: Path) -> None:
    told = outcome(called(check_plugin.command, "my_own:MyOwn", "--json"))
    assert told["passed"] is True
    assert [rule["rule"] for rule in told["rules"]] == [*(rule.__name__ for rule in RULES), "time_budget"]
    evaluated = called(
        evaluate.command, "--data", "synthetic:tiny", "--seeds", 1, "--json", "--recommender", "my_own:MyOwn"
    )
    assert outcome(evaluated)["rows"][0]["spec"] == {"kind": "my_own:MyOwn", "exponent": 0.5}


def test_a_broken_one_ends_with_six_and_the_rule_it_breaks(tmp_path: Path) -> None:
    text = (ROOT / "simulator" / "starters" / "recommender.py").read_text()
    assert ALONE in text
    (tmp_path / "broken.py").write_text(text.replace(ALONE, TOGETHER))
    command = [sys.executable, str(ROOT / "run_sim.py"), "check-plugin", "broken:Starter"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 6, done.stderr
    assert "BROKEN  batch_does_not_matter: the same requests in another order give other slates" in done.stdout
    assert "passed  fit_is_deterministic" in done.stdout
    assert done.stderr.strip() == f"error: broken:Starter breaks 1 of {len(RULES) + 1} rules of a recommender"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("no_such_module:Some", "is its folder on PYTHONPATH?"),
        ("my_own:Other", "not a concrete dataclass that subclasses Recommender"),
        ("pathlib:Path", "not a concrete dataclass that subclasses Recommender"),
        ("{kind: 'my_own:MyOwn', exponent: -1}", "exponent: -1 should be greater than or equal to 0"),
        ("{kind: 'my_own:MyOwn', exponnt: 1}", "did you mean 'exponent'?"),
        ("bad:Some", "cannot import 'bad' (ZeroDivisionError"),
    ],
)
def test_what_is_no_recommender_is_refused(folder: Path, asked: str, message: str) -> None:
    (folder / "bad.py").write_text("1 / 0\n")
    done = called(check_plugin.command, asked)
    assert isinstance(done.exception, InvalidInput)
    assert message in str(done.exception)


def test_a_starter_is_named_like_a_module_and_overwrites_nothing(folder: Path) -> None:
    for name, message in (("my-own.py", "the name of a module"), ("my_own.py", "exists")):
        done = called(init.command, folder / name)
        assert isinstance(done.exception, InvalidInput)
        assert message in str(done.exception)
    told = json.loads(called(init.command, folder / "second_try.py", "--json").stdout)
    assert "class SecondTry(Scorer)" in Path(told["path"]).read_text()
