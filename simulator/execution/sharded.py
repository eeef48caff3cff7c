"""Run one world with its users on a Ray cluster: shards move them, this process commits."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.errors import InvalidInput
from simulator.checkpoint import Checkpoint, prefixed
from simulator.commits import CommitLog
from simulator.execution.cluster import A_PLACE, told_apart
from simulator.execution.collector import rarely_collecting
from simulator.execution.desk import Exchange, Tally
from simulator.execution.lagged import clocked
from simulator.execution.local import AtCommit
from simulator.execution.shard import Shard, Stage, Step, without_recommender
from simulator.recommenders.base import State, under
from simulator.recommenders.talking import talking
from simulator.window import Horizon, Version
from simulator.world import World

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

PATIENCE_S = 0.002
"""How long steps are waited for while language models may answer as well."""


def parts(users: int, shards: int) -> list[range]:
    """Return contiguous ranges of users, as equal as can be, none empty.

    >>> parts(7, 3)
    [range(0, 3), range(3, 5), range(5, 7)]
    """
    shards = min(shards, users)
    size, more = divmod(users, shards)
    ends = [(place + 1) * size + min(place + 1, more) for place in range(shards)]
    return [range(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]


class Sharded:
    """Commit windows that all shards have passed, and tell them of each; as many are under way as the lag allows.

    Language models are asked from here: one journal, one budget and one place in the queue for
    everybody, and one answer for questions that are alike. Raise Lost where a worker is gone.
    """

    def __init__(
        self, world: World, shards: int, exchange: Exchange, log: CommitLog, checkpoint: Checkpoint, folder: Path
    ) -> None:
        platform = world.scenario.platform
        self.world = world
        self._horizon = Horizon(platform.window, platform.visibility_lag, world.version)
        self._exchange = exchange
        self._log = log
        self._checkpoint = checkpoint
        self._folder = folder
        self._in_columns = not len(clocked(world.scenario, world.cast))
        self._mine = parts(len(world.cast.setting.personas), shards)
        self._passed = [0.0] * len(self._mine)
        self._tallies = [Tally()] * len(self._mine)
        self._counted: list[Counter[str]] = [Counter()] * len(self._mine)
        self._under_way: list[deque[ObjectRef[Step]]] = [deque() for _ in self._mine]
        self._tickets: dict[int, tuple[int, int]] = {}
        self._ticket = 0
        self._shards: list[ActorHandle[Shard]] = []
        self._fitted: dict[int, ObjectRef[State]] = {}
        """States of the recommenders that shards may see, by number."""

    @property
    def tally(self) -> Tally:
        """Return what users did so far."""
        return Tally(*(sum(column) for column in zip(*map(astuple, self._tallies), strict=True)))

    @property
    def diagnostics(self) -> Counter[str]:
        """Return what recommenders counted so far while they made slates."""
        counted: Counter[str] = Counter()
        for one in self._counted:
            counted.update(one)  # a sum would leave out what counts as zero
        return counted

    @rarely_collecting()
    def run(self, at_commit: AtCommit) -> None:
        """Let time pass until everybody has reached the end."""
        import ray

        try:
            with told_apart():
                self._open()
                while self._horizon.committed < self.world.last_window:
                    self._receive()
                    self._commit_passed(at_commit)
        finally:
            for shard in self._shards:
                ray.kill(shard)
        for path in self._folder.glob("shard-*.npz"):
            path.unlink(missing_ok=True)

    # -- shards ---------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Start the shards, where there is a checkpoint from there."""
        import ray

        while self._exchange.completed(block=True):
            pass  # answers to shards that were lost: they are in the journal now
        world = self.world
        stage = ray.put(Stage(world.scenario, world.cast, world.opening, world.social))
        first, fitted = ray.put(without_recommender(world.version)), self._state_of(world.version)
        remote = ray.remote(num_cpus=A_PLACE, scheduling_strategy="SPREAD")(Shard)
        self._shards = [remote.remote(stage, mine, first, fitted) for mine in self._mine]
        ray.get([shard.size.remote() for shard in self._shards])
        if not self._take_up():
            self._step_all(None)

    def _step_all(self, version: Version | None) -> None:
        """Let every shard go on, with a version that was committed."""
        import ray

        fitted = travelling = None
        if version is not None:
            fitted = None if version.number in self._fitted else self._state_of(version)
            travelling = ray.put(without_recommender(version))
        for shard, under_way in zip(self._shards, self._under_way, strict=True):
            under_way.append(shard.step.remote(travelling, fitted, self.world.tips))

    def _state_of(self, version: Version) -> "ObjectRef[State]":
        """Return the state of a version's recommender in the object store, and forget those nobody will see again."""
        import ray

        if any(talking(version.recommender)):
            raise InvalidInput(
                f"recommender {version.spec['kind']} asks a language model while it makes slates, which shards cannot; "
                "run it without --on"
            )
        visible = {version.number for version in self._horizon.versions()}
        self._fitted = {number: state for number, state in self._fitted.items() if number in visible}
        self._fitted[version.number] = ray.put(version.recommender.state())
        return self._fitted[version.number]

    def _receive(self) -> None:
        """Take in what steps have come to, and pass on answers; wait until there is something."""
        import ray

        heads = [under_way[0] for under_way in self._under_way if under_way]
        if self._tickets:
            self._pass_on(self._exchange.completed(block=not heads))
        patience = PATIENCE_S if self._tickets else None
        if heads:
            ray.wait(heads, timeout=patience)
            ready = set(ray.wait(heads, num_returns=len(heads), timeout=0)[0])
            for place, under_way in enumerate(self._under_way):
                if under_way and under_way[0] in ready:
                    self._take_in(place, ray.get(under_way.popleft()))

    def _take_in(self, place: int, step: Step) -> None:
        self.world.record.take_in(step.waiting)
        self._passed[place], self._tallies[place], self._counted[place] = step.passed, step.tally, step.diagnostics
        for ticket, model, prompt in step.questions:
            self._ticket += 1
            self._tickets[self._ticket] = (place, ticket)
            self._exchange.submit(self._ticket, model, prompt)

    def _pass_on(self, told: Sequence[tuple[int, Any]]) -> None:
        """Send answers to the shards that asked."""
        answers: dict[int, list[tuple[int, Any]]] = {}
        for ticket, answer in told:
            place, own = self._tickets.pop(ticket)
            answers.setdefault(place, []).append((own, answer))
        for place, some in answers.items():
            self._under_way[place].append(self._shards[place].step.remote(None, None, (), some))

    # -- windows --------------------------------------------------------------------------------------

    def _commit_passed(self, at_commit: AtCommit) -> None:
        """Commit every window that all shards have passed; each is told to all of them."""
        horizon, world = self._horizon, self.world
        passed = min(self._passed)
        while world.over(horizon.committed + 1, passed):
            self._log.commit(horizon.committed + 1, world.commit(horizon.committed + 1))
            horizon.commit(world.version)
            self._step_all(horizon.latest)
            at_commit(self, world.end_of(horizon.committed))
            if self._in_columns and self._checkpoint.due():
                self._save()

    # -- where it stands ------------------------------------------------------------------------------

    def _save(self) -> None:
        """Put down where everything stands: each shard by itself, then this process, which says that all are there."""
        import ray

        while any(self._under_way):
            self._receive()
        self._log.seal()
        window = self._horizon.committed
        ray.get([shard.save.remote(*self._saved(place, window)) for place, shard in enumerate(self._shards)])
        self._checkpoint.save(
            {"passed": np.array(self._passed)}
            | prefixed("world", self.world.state())
            | prefixed("horizon", self._horizon.state())
            | prefixed("log", self._log.state())
        )
        for path in self._folder.glob("shard-*.npz"):
            if f"-w{window}." not in path.name:
                path.unlink(missing_ok=True)

    def _saved(self, place: int, window: int) -> tuple[Path, str]:
        """Return where a shard's state lies, and what it is the state of."""
        name = f"shard-{place}of{len(self._mine)}-w{window}"
        return (self._folder / f"{name}.npz").absolute(), f"{self._checkpoint.key} {name}"

    def _take_up(self) -> bool:
        """Go on from the latest checkpoint, if there is a whole one of as many shards; say whether there was."""
        import ray

        state = self._checkpoint.load()
        if state is None:
            return False
        window = int(state["horizon.committed"])
        if not all(self._saved(place, window)[0].exists() for place in range(len(self._shards))):
            return False
        if not self._log.load_state(under("log.", state)):
            return False
        self._horizon.load_state(under("horizon.", state), self.world.fitted)
        self.world.load_state(under("world.", state), self._horizon.latest)
        versions = {version.number: version for version in self._horizon.versions()}
        made = {number: (without_recommender(one), one.recommender.state()) for number, one in versions.items()}
        self._fitted = {number: ray.put(fitted) for number, (_, fitted) in made.items()}
        shared = ray.put(made)
        loaded = [shard.load.remote(*self._saved(place, window), shared) for place, shard in enumerate(self._shards)]
        if not all(ray.get(loaded)):
            raise InvalidInput(f"{self._folder}: a shard's checkpoint is damaged; remove the folder to begin again")
        self._passed = state["passed"].tolist()
        self._step_all(None)
        while any(self._under_way):
            self._receive()
        return True
