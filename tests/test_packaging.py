"""The packages that are imported are those of this checkout."""

import importlib
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("name", ["agents", "simulator", "analysis", "scenarios", "run_sim"])
def test_a_package_comes_from_this_checkout(name):
    assert Path(importlib.import_module(name).__file__).is_relative_to(HERE)


def test_agents_is_ours_even_where_another_is_first_on_the_path(tmp_path):
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("raise SystemExit('the wrong agents')")
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, HERE / "run_sim.py", "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_forbidden_distribution_is_installed_or_asked_for():
    forbidden = {"openai-agents", "litellm", "lenskit", "rectools", "recbole", "igraph", "leidenalg"}
    installed = {(d.metadata["Name"] or "").lower() for d in distributions()}
    asked = " ".join(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]).lower()
    assert not installed & forbidden
    assert not [name for name in forbidden if name in asked]


def test_constraints_pin_every_dependency_exactly():
    lines = (HERE / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.lower().replace("_", "-").split("==") for line in lines if not line.startswith("#"))
    words = [r.lower() for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
    for word in words:
        name = word.split("=")[0].split(">")[0].split("<")[0]
        assert name.replace("_", "-") in pinned, f"{name} is not pinned; make constraints"
    assert pinned["torch"] == "2.13.0"
