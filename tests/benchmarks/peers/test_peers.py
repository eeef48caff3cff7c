"""The comparison with peers without the peers: what it makes of their lines, and that our side runs."""

import importlib.util
import itertools
import sys
import time

import pytest

from tests.benchmarks import peers

OURS = {
    "users": 10,
    "steps": 5,
    "user_steps_per_second": 200.0,
    "user_steps_per_second_without_metrics": 400.0,
    "user_steps_per_cpu_second": 800.0,
}


def driver(name):
    spec = importlib.util.spec_from_file_location(name, peers.DRIVERS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_fastest_configuration_of_a_peer_is_marked(monkeypatch):
    line = {
        "version": "1",
        "configurations": [
            {"configuration": "slow", "steps": 5, "seconds": 5.0, "cpu_s": 2.5},
            {"configuration": "fast", "steps": 4, "seconds": 1.0, "cpu_s": 1.0},
        ],
    }
    monkeypatch.setattr(peers, "driven", lambda *_: line)
    slow, fast = peers.compared("trecs", peers.Path("python"), OURS, 1.0)
    assert (slow["user_steps_per_second"], slow["ratio"], slow["fastest"]) == (10.0, 20.0, False)
    assert (slow["ratio_cpu"], fast["ratio_cpu"]) == (40.0, 20.0)
    assert (fast["user_steps_per_second"], fast["ratio_without_metrics"], fast["fastest"]) == (40.0, 10.0, True)


def test_a_peer_without_environment_or_that_fails_is_a_row_with_the_reason(monkeypatch, tmp_path):
    assert peers.compared("reclab", "not installed: ERROR: offline", OURS, 1.0) == [
        {"peer": "RecLab", "users": 10, "reason": "not installed: ERROR: offline"}
    ]
    (tmp_path / "run_reclab.py").write_text("raise ImportError('no module')")
    monkeypatch.setattr(peers, "DRIVERS", tmp_path)
    (row,) = peers.compared("reclab", peers.Path(sys.executable), OURS, 1.0)
    assert row["reason"] == "not run: ImportError: no module"


@pytest.mark.parametrize(("steps", "seconds", "made"), [(3, 60.0, 3), (1000, 0.05, 3)])
def test_a_loop_is_timed_for_its_steps_or_its_seconds_without_its_set_up(steps, seconds, made):
    def loop():
        time.sleep(0.2)
        yield
        for _ in itertools.count():
            time.sleep(0.02)
            yield

    count, spent, busy = driver("timing").timed(loop(), steps, seconds)
    assert 1 <= count <= made  # fewer where the machine is busy
    assert spent >= 0.02 * count
    assert busy < 0.2


def test_our_side_runs_the_workload(tmp_path):
    ours = driver("run_tasteloop")
    figures = ours.executed(ours.scenario_of(users=6, items=90, slate=5, steps=2), tmp_path)
    assert 0 < figures["choices"] <= figures["pages"]
    assert (tmp_path / "metrics.parquet").is_file()
    assert min(figures["run_s"], figures["metrics_s"]) > 0
