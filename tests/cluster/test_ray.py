"""The same run on a real cluster of two nodes: in shards, with workers and a node lost, as a study, killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from agents.errors import Interrupted, InvalidInput
from simulator.execution.cluster import connected
from simulator.manifest import read_json
from simulator.run import Doing, budget_of, models, run
from simulator.scenario_file import read
from simulator.study import study
from tests import stub_server
from tests.cluster import two_nodes
from tests.cluster.two_nodes import TwoNodes
from tests.command_line import ROOT, outcome, tasteloop

RULES = """
name: rules
seed: 5
days: 0.5
data: {kind: "synthetic:tiny", min_interactions: 5}
users:
  count: 90
  search: 0.2
  drift: 0.5
  actions: [watch, skip, rate, like, dislike, search, next_page, tell, return]
behavior:
  kind: mixed
  members:
    - {kind: calibrated, fit_users: 20, share: 0.6}
    - {kind: affinity, share: 0.4}
recommender: {kind: ease, slate_size: 6, retrain: 4h, levers: [{kind: mmr, strength: 0.2}]}
social: {graph: {kind: watts_strogatz}, tell: 1.0, influence: 5}
interventions:
  - {kind: promote_tail, strength: 1, at: 3h, until: 6h}
  - {kind: switch_recommender, recommender: {kind: popularity}, at: 8h}
  - {kind: add_items, share: 0.1, at: 5h}
"""
TALKING = """
name: talking
seed: 5
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 40, max_pages: 2}
behavior:
  kind: mixed
  members: [{kind: llm, share: 0.7, model: asked, decide: structured, fallback: {kind: calibrated, fit_users: 20}},
    {kind: calibrated, fit_users: 20, share: 0.3}]
llm: {asked: {kind: openai, model: stub, base_url: "URL"}}
recommender: {kind: popularity, slate_size: 5, retrain: 12h}
budget: {fallback_share: 1.0}
"""
STUDY = """
name: cells
seed: 3
days: 0.25
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 20}
behavior: {kind: calibrated, fit_users: 20}
recommender: {kind: popularity, slate_size: 5, retrain: 6h}
study:
  baseline: popular
  seeds: 10
  arms:
    popular: {}
    random: {recommender: {kind: random}}
"""
SHARDS = [pytest.param(count, marks=pytest.mark.slow if count != 2 else ()) for count in (1, 2, 4, 7)]
Play = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[TwoNodes]:
    with two_nodes.running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def play(cluster: TwoNodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """Run a scenario's text in so many shards (0: here), all of them from one connection."""
    folder = tmp_path_factory.mktemp("runs")
    with connected(cluster.on, 1) as jobs:
        assert jobs == 2
        yield partial(played, folder)


def played(folder: Path, name: str, text: str, shards: int, **more: Any) -> dict[str, Any]:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    scenario = read(path, [])
    with models(scenario, folder / f"{name}.journal") as dispatcher:
        return run(scenario, folder / name, dispatcher, budget_of(scenario), shards=shards, **more)


@pytest.fixture(scope="module")
def alone(play: Play) -> dict[str, Any]:
    return play("alone", RULES, 0)


@pytest.fixture(scope="module")
def talking(play: Play) -> Iterator[tuple[str, dict[str, Any]]]:
    with stub_server.running(latency=0.005) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "none")
        text = TALKING.replace("URL", url)
        yield text, play("talking", text, 0)


@pytest.mark.parametrize("shards", SHARDS)
def test_columns_in_shards_write_the_same_log(play: Play, alone: dict[str, Any], shards: int) -> None:
    sharded = play(f"columns{shards}", RULES, shards)
    assert alone["counts"]["pages"] > 50
    assert min(alone["tables"][name]["rows"] for name in ("tips", "searches", "drift", "interventions")) > 0
    for told in ("log_digest", "counts", "tables", "slates"):
        assert sharded[told] == alone[told]


@pytest.mark.parametrize("shards", SHARDS)
def test_talkers_in_shards_write_the_same_log(play: Play, talking: tuple[str, dict[str, Any]], shards: int) -> None:
    text, whole = talking
    sharded = play(f"talkers{shards}", text, shards)
    assert whole["counts"]["llm_decisions"] > 20
    assert sharded["log_digest"] == whole["log_digest"]
    assert sharded["counts"] == whole["counts"]


class At:
    """Do something once, after so many committed windows: others are under way in the shards."""

    def __init__(self, windows: int, do: Callable[[], object]) -> None:
        self._left = windows
        self._do = do

    def __call__(self, progress: Any) -> None:
        if not isinstance(progress, Doing):
            self._left -= 1
            if self._left == 0:
                self._do()


def kill_a_shard() -> None:
    shards = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "ray::Shard" in " ".join(process.info["cmdline"] or ())
    ]
    os.kill(shards[0].pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", ["columns", pytest.param("talkers", marks=pytest.mark.slow)])
def test_a_lost_worker_changes_nothing(
    play: Play, alone: dict[str, Any], talking: tuple[str, dict[str, Any]], kind: str
) -> None:
    text, whole = (RULES, alone) if kind == "columns" else talking
    sharded = play(f"worker-{kind}", text, 2, watch=At(12, kill_a_shard))
    assert sharded["workers_lost"] == 1
    assert sharded["log_digest"] == whole["log_digest"]


@pytest.mark.slow
def test_a_lost_node_changes_nothing(
    play: Play, alone: dict[str, Any], cluster: TwoNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.checkpoint.LEAST_S", 0.2)
    monkeypatch.setattr("simulator.checkpoint.REST", 0.0)
    sharded = play("node", RULES, 4, watch=At(20, cluster.lose))
    cluster.regain()
    assert sharded["workers_lost"] >= 1
    assert sharded["log_digest"] == alone["log_digest"]
    assert sharded["counts"] == alone["counts"]


def test_a_stopped_run_goes_on_from_its_checkpoint(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    longer = RULES.replace("days: 0.5", "days: 2")  # what friends said before the stop is still acted on after it
    alone = play("unstopped", longer, 0)
    monkeypatch.setattr("simulator.checkpoint.LEAST_S", 0.0)
    monkeypatch.setattr("simulator.checkpoint.REST", 0.0)
    left = iter(range(120))
    with pytest.raises(Interrupted):
        play("stopped", longer, 2, stop=lambda: next(left, None) is None)
    monkeypatch.undo()
    seen: list[float] = []
    again = play("stopped", longer, 2, watch=lambda one: seen.append(2.0 if isinstance(one, Doing) else one.day))
    assert min(seen) > 0.5
    assert again["log_digest"] == alone["log_digest"]
    assert again["counts"] == alone["counts"]


def test_what_shards_cannot_do_is_refused(play: Play) -> None:
    with pytest.raises(InvalidInput, match="one clock for all"):
        play("strict", RULES + "platform: {visibility_lag: 0}\n", 2)
    inner = "{kind: llm_rank, model: asked, inner: {kind: popularity},"
    asking = TALKING.replace("recommender: {kind: popularity,", f"recommender: {inner}")
    with pytest.raises(InvalidInput, match="shards cannot"):
        play("asking", asking.replace('openai, model: stub, base_url: "URL"', "scripted"), 2)


@pytest.mark.slow
def test_a_study_killed_and_gone_on_with_is_the_local_one(cluster: TwoNodes, tmp_path: Path) -> None:
    (tmp_path / "cells.yaml").write_text(STUDY)
    local, there = tmp_path / "local", tmp_path / "there"
    study(read(tmp_path / "cells.yaml", []), local)
    command = [sys.executable, "run_sim.py", "study", tmp_path / "cells.yaml", "--out", there, "--on", cluster.on]
    first = subprocess.Popen([*map(str, command)], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list(there.glob("cells/*/report.html")) and finished(there) < 3:
        assert first.poll() is None
        time.sleep(0.1)
    first.kill()
    first.wait()
    assert 3 <= finished(there) < 20
    done = subprocess.run(
        [sys.executable, "run_sim.py", "resume", str(there), "--on", cluster.on, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    digests = [
        {cell["folder"]: cell["log_digest"] for cell in read_json(path / "study.json")["cells"]}
        for path in (local, there)
    ]
    assert len(digests[0]) == 20
    assert len(set(digests[0].values())) == 20
    assert digests[0] == digests[1]


def finished(folder: Path) -> int:
    manifests = [read_json(path) for path in folder.glob("cells/*/manifest.json")]
    return sum(manifest["status"] == "finished" for manifest in manifests)


def ray_processes() -> set[int]:
    def is_ray(words: list[str]) -> bool:
        return any(word.startswith("ray::") or "/ray/" in word for word in words)

    return {process.pid for process in psutil.process_iter(["cmdline"]) if is_ray(process.info["cmdline"] or [])}


def test_a_cluster_of_its_own_ends_with_the_command(tmp_path: Path, alone: dict[str, Any]) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    before = ray_processes()
    told = outcome(tasteloop("run", tmp_path / "rules.yaml", "--out", tmp_path / "run", "--on", "ray", "--json"))
    assert told["log_digest"] == alone["log_digest"]
    assert ray_processes() <= before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--on", "spark"], 2, "write ray, or ray:HOST:PORT"),
        (["--shards", "2"], 2, "add --on ray"),
        (["--on", "ray:127.0.0.1:9"], 3, "there is no Ray cluster at 127.0.0.1:9"),
    ],
)
def test_a_place_that_is_none_is_said_to_be(tmp_path: Path, words: list[str], code: int, message: str) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    done = tasteloop("run", tmp_path / "rules.yaml", "--out", tmp_path / "run", *words, check=code)
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


def test_without_the_extra_the_way_to_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    code = "import sys; sys.modules['ray'] = None; import run_sim; sys.exit(run_sim.main())"
    command = [
        sys.executable,
        "-c",
        code,
        "run",
        str(tmp_path / "rules.yaml"),
        "--out",
        str(tmp_path / "run"),
        "--on",
        "ray",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install -c constraints.txt -e '.[ray]'" in done.stderr
    assert not (tmp_path / "run").exists()
