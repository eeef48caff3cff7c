"""The rules of the code's structure, checked on the code."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.components import FAMILIES, find, names, schema
from simulator.scenario_schema import explain

HERE = Path(__file__).parent.parent
PACKAGES = ("agents", "simulator", "analysis")
SOURCES = sorted(path for package in PACKAGES for path in (HERE / package).rglob("*.py"))
COMPONENTS = [(family, kind) for family in FAMILIES for kind in names(family)]


def imported(path: Path) -> set[str]:
    """Return the modules a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found.add(node.module or "")
    return found


def test_imports_run_one_way():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[done.stdout.find("Contracts") :]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HERE)))
def test_no_module_takes_what_is_forbidden(path):
    roots = {name.partition(".")[0] for name in imported(path)}
    assert not roots & {"pickle", "random", "run_sim", "tests", "litellm", "yaml"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HERE)))
def test_modules_shadow_no_standard_library_package_and_are_no_catch_all(path):
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize(("family", "kind"), COMPONENTS, ids=lambda word: word)
def test_a_component_says_what_it_does_and_what_its_parameters_mean(family, kind):
    about, meanings = explain(find(family, kind))
    undocumented = set(schema(find(family, kind))["properties"]) - set(meanings)
    assert about.endswith(".")
    assert not undocumented, f"no 'name: meaning' line for {undocumented}"


def test_importing_every_module_loads_nothing_heavy_and_prints_nothing():
    modules = [".".join(p.relative_to(HERE).with_suffix("").parts) for p in SOURCES if "cli" in p.parts]
    code = f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\n"
    code += "print([m for m in ('torch', 'transformers', 'matplotlib', 'openai', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
