"""The command that runs benchmarks; what they measure is no matter of the suite."""

import json
import platform
import sys
import types

import pytest
from typer.testing import CliRunner

from agents.errors import InvalidInput, MissingResource
from simulator.cli import bench
from tests.command_line import app, tasteloop

FIGURES = {
    "pages_per_second": 1234.5,
    "against": {"raw": 2000.0},
    "rows": [{"peer": "one", "ratio": 2.0}, {"peer": "two", "reason": "cannot be installed"}],
    "undefined": float("nan"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two benchmarks, one of which can be run."""
    for name in ("fast", "slow"):
        (tmp_path / f"{name}.py").write_text("")

    def measure(progress):
        progress("half way")
        return FIGURES

    made = types.ModuleType("tests.benchmarks.fast")
    made.measure = measure
    monkeypatch.setitem(sys.modules, "tests.benchmarks.fast", made)
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path)
    return tmp_path


def test_json_is_one_line_with_figures_and_machine(folder):
    done = CliRunner().invoke(app(bench.command), ["fast", "--json"])
    assert done.exit_code == 0
    (line,) = done.stdout.splitlines()
    printed = json.loads(line)
    assert (printed["bench"], printed["pages_per_second"], printed["undefined"]) == ("fast", 1234.5, None)
    assert printed["rows"] == FIGURES["rows"]
    assert set(printed["machine"]) == {"cores", "processor", "memory_gib", "python", "numpy"}
    assert done.stderr == "fast: half way\n"


def test_people_get_tables(folder):
    done = CliRunner().invoke(app(bench.command), ["fast"])
    for expected in ("1,234", "against.raw", "cannot be installed", platform.python_version()):
        assert expected in done.stdout


def test_the_machine_line_names_neither_host_nor_user():
    assert platform.node() not in json.dumps(bench.machine())


def test_an_unknown_name_lists_the_known_ones(folder):
    with pytest.raises(InvalidInput, match="'fats'; there are: fast, slow"):
        bench.benchmark("fats")


def test_without_a_checkout_nothing_can_be_measured(folder, monkeypatch):
    monkeypatch.setattr(bench, "BENCHMARKS", folder / "none")
    with pytest.raises(MissingResource, match="part of the checkout"):
        bench.benchmark("fast")


def test_a_wrong_name_is_a_usage_error_on_the_command_line():
    assert "there is no benchmark" in tasteloop("bench", "no-such-thing", check=2).stderr


@pytest.mark.parametrize("name", sorted(path.stem for path in bench.BENCHMARKS.glob("[a-z]*.py")))
def test_every_benchmark_says_what_it_measures(name):
    measure = bench.benchmark(name)
    assert sys.modules[measure.__module__].__doc__


def test_ways_to_decode_are_compared_in_one_run():
    from tests.benchmarks.decoding import measure

    said = []
    figures = measure(said.append, world="tiny", users=32, widths=(10, 40), batches=(1,))
    ways = [(row["decode"], row["batch"]) for row in figures["rows"]]
    assert ways == [("exact", 32), ("beam 10", 32), ("beam 40", 32), ("beam 20", 1)]
    assert all(row["ms_per_user"] > 0 and row["ratio"] > 0 for row in figures["rows"])
    found = [row["found"] for row in figures["rows"] if "found" in row]
    assert 0.5 < found[0] <= found[1] <= 1
    assert 0 < figures["free_invalid"] < 1
    assert figures["trie_over_free"] > 0
    assert "a beam without a trie" in said


def test_exports_are_timed_with_their_gates():
    from tests.benchmarks.export import measure

    figures = measure(lambda what: None, size=2_000)
    assert {row["format"] for row in figures["rows"]} >= {"parquet", "recbole", "open-bandit", "croissant"}
    assert all(figures["check_s"] < row["command_s"] < figures["target_s"] for row in figures["rows"])
