"""One run, from scenario to manifest."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agents.errors import BudgetExhausted, Degraded, Interrupted, InvalidInput, MissingResource, TasteloopError
from agents.llm.base import LanguageModel
from agents.llm.budget import Budget
from agents.llm.dispatcher import Dispatcher
from agents.llm.journal import Journal
from agents.llm.stack import assemble
from agents.schema import Floats
from simulator.cast import Cast, gather
from simulator.checkpoint import Checkpoint
from simulator.commits import CommitLog, write_durably
from simulator.components import build, kind_of
from simulator.execution.cluster import Lost, fit_there
from simulator.execution.desk import Tally
from simulator.execution.local import Driver, Local, Strict
from simulator.execution.pool import use_threads
from simulator.execution.sharded import Sharded
from simulator.fits import Fits
from simulator.manifest import locked, read_json, versions, write_json
from simulator.recommenders.base import Progress
from simulator.scenario import Scenario
from simulator.scenario_file import digest, resolved
from simulator.world import World

_log = logging.getLogger(__name__)
HEARTBEAT_S = 1.0
STRIKES = 3
"""Workers lost in a row without a window committed between, before a run stops."""


@dataclass(frozen=True)
class Snapshot:
    """How far a run is, for the progress display; never read by the run itself."""

    day: float
    days: float
    counts: dict[str, Any]
    popularity: Floats
    popularity_at_start: Floats


class Doing(NamedTuple):
    """What a run is doing before or between simulated moments, and the share of it that is done."""

    share: float
    what: str


Watch = Callable[[Snapshot | Doing], None]
Stop = Callable[[], bool]


@contextmanager
def models(scenario: Scenario, answers: Path, replay: Path | None = None) -> Iterator[Dispatcher]:
    """Open the scenario's language models behind the journal ``answers``; ``replay`` answers in their place."""
    use_threads(scenario.engine.threads)
    with ExitStack() as stack:
        stacked: dict[str, LanguageModel] = {}
        if scenario.llm:
            journal = stack.enter_context(Journal(replay or answers, read_only=replay is not None))
            for name, component in scenario.llm.items():
                backend = build("llm", component.spec())
                stacked[name] = assemble(
                    backend, journal, concurrency=scenario.engine.concurrency, replay=replay is not None
                )
        yield stack.enter_context(Dispatcher(stacked))


def budget_of(scenario: Scenario) -> Budget:
    """Return the scenario's caps, counted from now on: each command that runs or resumes has them anew."""
    return Budget(usd=scenario.budget.usd, tokens=scenario.budget.tokens, minutes=scenario.budget.minutes)


def run(
    scenario: Scenario,
    folder: Path,
    dispatcher: Dispatcher,
    budget: Budget,
    *,
    cast: Cast | None = None,
    arm: str | None = None,
    watch: Watch = lambda _: None,
    stop: Stop = lambda: False,
    shards: int = 0,
) -> dict[str, Any]:
    """Execute a scenario into a run folder and return its manifest.

    With ``shards`` its users move, in so many parts, on the Ray cluster that this process is
    connected to. A folder that holds an unfinished run of the same scenario is continued: time starts
    again from 0, recorded answers and fits are used, and what is on disk is verified, not rewritten.
    Raise InvalidInput for a folder of another scenario, BudgetExhausted, Degraded, Interrupted.
    """
    if shards and scenario.platform.visibility_lag == 0:
        raise InvalidInput("platform.visibility_lag: 0 is one clock for all users, not for shards; leave --on out")
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        manifest = _begin(scenario, folder, arm)
        meter = Meter(scenario, folder, manifest, dispatcher, budget, watch, stop)
        try:
            _execute(scenario, folder, manifest, dispatcher, cast, meter, lambda *doing: watch(Doing(*doing)), shards)
        except TasteloopError as error:
            if not isinstance(error, Degraded):
                manifest["status"] = "stopped" if isinstance(error, BudgetExhausted | Interrupted) else "failed"
            raise
        finally:
            meter.close()
            write_json(folder / "manifest.json", manifest)
    return manifest


def _begin(scenario: Scenario, folder: Path, arm: str | None) -> dict[str, Any]:
    """Write what is known before anything happened, or take up what a stopped run left."""
    path = folder / "manifest.json"
    before = read_json(path) if path.exists() else {}
    if before.get("status") == "finished":
        raise InvalidInput(f"{folder} holds a finished run; give another --out")
    if before and before["scenario_digest"] != digest(scenario):
        raise InvalidInput(f"{folder} was begun with another scenario; resume it unchanged or give another --out")
    manifest = {
        "schema": 1,
        "name": scenario.name,
        "arm": arm,
        "status": "running",
        "seed": scenario.seed,
        "days": scenario.days,
        "scenario_digest": digest(scenario),
        "recommender": scenario.recommender.spec(),
        "versions": versions(),
        "threads": scenario.engine.threads,
        "resumed": before.get("resumed", -1) + 1,
        "calls": before.get("calls", dict.fromkeys(("calls", "cached", "failed", "attempts"), 0)),
        "tokens": before.get("tokens", dict.fromkeys(("in", "cached", "out"), 0)),
        "cost_usd": before.get("cost_usd", 0.0),
        "wall_s": before.get("wall_s", 0.0),
        "limits_hit": before.get("limits_hit", []),
    }
    write_durably(folder / "scenario.resolved.yaml", resolved(scenario).encode())
    write_json(path, manifest)
    return manifest


def _execute(
    scenario: Scenario,
    folder: Path,
    manifest: dict[str, Any],
    dispatcher: Dispatcher,
    cast: Cast | None,
    meter: "Meter",
    progress: Progress,
    shards: int,
) -> None:
    """Gather, let time pass, seal, and say what came out; where a worker is lost, go on as ``resume`` would."""
    cast = cast or gather(scenario, dispatcher, progress)
    strikes, farthest = 0, -1.0
    while True:
        try:
            driver, log = _played(scenario, folder, dispatcher, cast, meter, progress, shards)
            break
        except Lost as error:
            manifest["workers_lost"] = manifest.get("workers_lost", 0) + 1
            strikes = strikes + 1 if meter.day <= farthest else 1
            farthest = max(farthest, meter.day)
            if strikes == STRIKES:
                raise MissingResource(
                    f"{error}, {STRIKES} times at day {farthest:.2f}; a worker may have too little memory; "
                    f"continue with: python run_sim.py resume {folder}"
                ) from error
            _log.warning("%s; the run goes on from its last checkpoint", error)
    manifest |= outcome(scenario, cast, driver.tally, log, dispatcher) | {"slates": dict(driver.diagnostics)}
    share, limit = manifest["fallback_share"], scenario.budget.fallback_share
    if share > limit:
        manifest["limits_hit"].append("fallback_share")
        raise Degraded(
            f"{share:.1%} of the language-model decisions came from the fallback, more than budget.fallback_share "
            f"{limit:.1%} allows; the run in {folder} is complete but marked; see its llm_calls table for the errors"
        )


def _played(
    scenario: Scenario,
    folder: Path,
    dispatcher: Dispatcher,
    cast: Cast,
    meter: "Meter",
    progress: Progress,
    shards: int,
) -> tuple[Driver, CommitLog]:
    """Let a world's time pass from its beginning or from its latest checkpoint; return who did it, and the log."""
    recommender, checkpoints = scenario.recommender, folder / "checkpoints"
    fits = Fits(
        checkpoints,
        recommender.spec(),
        scenario.seed,
        cast.catalog,
        warm=recommender.warm,
        voices=dispatcher,
        elsewhere=partial(fit_there, scenario.engine.threads) if shards else None,
    )
    log = CommitLog(folder / "log", recommender.kind, dispatcher.sync, cast.catalog.released)
    key = digest(scenario) + (f" in {shards} shards" if shards else "")
    checkpoint = Checkpoint(checkpoints / "columns.npz", key)
    try:
        world = World(scenario, cast, fits, progress)
        driver: Driver
        if shards:
            driver = Sharded(world, shards, dispatcher, log, checkpoint, checkpoints)
        else:
            alone = Strict if scenario.platform.visibility_lag == 0 else Local
            driver = alone(world, dispatcher, log, checkpoint)
        driver.run(meter)
        log.seal()
        checkpoint.drop()
        fits.forget()
    finally:
        log.close()
    return driver, log


class Meter:
    """Watch a run at each committed window: heartbeat, progress, budgets, a request to stop."""

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        manifest: dict[str, Any],
        dispatcher: Dispatcher,
        budget: Budget,
        watch: Watch,
        stop: Stop,
    ) -> None:
        self._days = scenario.days
        self._folder = folder
        self._manifest = manifest
        self._before = {name: manifest[name] for name in ("calls", "tokens", "cost_usd", "wall_s")}
        self._dispatcher = dispatcher
        self._at_start = self._spent()
        self._budget = budget
        self._watch = watch
        self._stop = stop
        self._began = self._beat = time.monotonic()
        self._status: dict[str, Any] = {"day": 0.0, "days": scenario.days}

    def __call__(self, driver: Driver, now: float) -> None:
        """Take note of a commit; raise BudgetExhausted or Interrupted where the run must stop here."""
        self.account()
        counts = asdict(driver.tally) | self._manifest["calls"] | {"cost_usd": self._manifest["cost_usd"]}
        self._status = {"day": now / 1440, "days": self._days} | counts
        if time.monotonic() - self._beat >= HEARTBEAT_S:
            self._beat = time.monotonic()
            write_json(self._folder / "status.json", self._status)
        started = driver.world.cast.setting.popularity
        self._watch(Snapshot(now / 1440, self._days, counts, driver.world.version.popularity, started))
        reached = self._budget.reached(self._dispatcher.stats())
        if reached:
            self._manifest["limits_hit"] = sorted({*self._manifest["limits_hit"], reached.partition(":")[0]})
            raise BudgetExhausted(f"{reached}; continue with: python run_sim.py resume {self._folder}")
        if self._stop():
            raise Interrupted(f"stopped; continue with: python run_sim.py resume {self._folder}")

    @property
    def day(self) -> float:
        """Return how far the run was seen to come."""
        return float(self._status["day"])

    def close(self) -> None:
        """Write down how far it came and what was spent."""
        self.account()
        write_json(self._folder / "status.json", self._status)

    def _spent(self) -> dict[str, float]:
        tallies = self._dispatcher.stats().values()
        names = ("calls", "cached", "failed", "attempts", "tokens_in", "tokens_cached", "tokens_out", "priced", "cost")
        return {name: sum(getattr(tally, name) for tally in tallies) for name in names}

    def account(self) -> None:
        """Add what this process spent on this run to what earlier ones did."""
        spent = {name: value - self._at_start[name] for name, value in self._spent().items()}
        for section, prefix in (("calls", ""), ("tokens", "tokens_")):
            before = self._before[section]
            self._manifest[section] = {name: value + spent[prefix + name] for name, value in before.items()}
        known, asked = self._before["cost_usd"], spent["calls"] - spent["cached"]
        unpriced = known is None or spent["priced"] < asked
        self._manifest["cost_usd"] = None if unpriced else known + spent["cost"]
        self._manifest["wall_s"] = self._before["wall_s"] + time.monotonic() - self._began


def outcome(scenario: Scenario, cast: Cast, tally: Tally, log: CommitLog, dispatcher: Dispatcher) -> dict[str, Any]:
    """Return what the manifest says of a finished run."""
    digests = log.digest.tables
    users = [int((cast.member == place).sum()) for place in range(len(cast.behaviors))]
    return {
        "status": "finished",
        "log_digest": log.digest.hexdigest(),
        "tables": {name: {"rows": rows, "digest": digests.get(name)} for name, rows in sorted(log.digest.rows.items())},
        "data": cast.dataset.identity,
        "behaviors": [
            {"kind": kind_of("behaviors", type(behavior)), "users": count}
            for behavior, count in zip(cast.behaviors, users, strict=True)
        ],
        "assumptions": scenario.choice.model_dump() | assumptions(cast),
        "llm": {name: dispatcher.fingerprint(name) for name in scenario.llm},
        "counts": asdict(tally) | {name: log.digest.rows[name] for name in ("impressions", "sessions", "llm_calls")},
        "actions": list(scenario.users.actions),
        "narratives": dict(cast.narratives),
        "fallback_share": tally.fallback / tally.llm_decisions if tally.llm_decisions else 0.0,
        "genre_names": list(cast.catalog.genres),
    }


def assumptions(cast: Cast) -> dict[str, float | str]:
    """Return what the behaviors fitted and declared, prefixed by the behavior where several are at play."""
    return {
        f"{kind_of('behaviors', type(behavior))}.{name}": value
        for behavior in cast.behaviors
        for name, value in behavior.assumptions().items()
    }
