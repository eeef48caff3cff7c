"""The users of one shard in a worker: what goes in, and what comes out of each step."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from agents.llm.base import Answer, Prompt
from simulator.cast import Cast
from simulator.checkpoint import Checkpoint, prefixed
from simulator.crowd import Crowd
from simulator.execution.collector import rarely_collecting
from simulator.execution.desk import Tally
from simulator.execution.lagged import Lagged
from simulator.execution.pool import use_threads
from simulator.levers.base import levered
from simulator.opening import Opening
from simulator.recommenders.base import Recommender, State, under
from simulator.record import Columns, Record, Waiting
from simulator.scenario import Scenario
from simulator.social import Social
from simulator.truth import Minds, reveal
from simulator.window import Version

Question = tuple[int, str, Prompt]
"""Ticket of the shard, name of the language model, what is asked."""


@dataclass(frozen=True)
class Stage:
    """What all shards of a run start from; never changed."""

    scenario: Scenario
    cast: Cast
    opening: Opening
    social: Social | None


class Step(NamedTuple):
    """What a shard has come to."""

    passed: float
    """The moment that all its users have passed."""
    waiting: Waiting
    """What happened since the step before."""
    questions: Sequence[Question]
    tally: Tally
    diagnostics: Counter[str]


class Post:
    """Where a shard's questions leave and its answers arrive; an ``Exchange``."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.answers: list[tuple[int, Answer]] = []

    def submit(self, ticket: int, model: str, prompt: Prompt) -> None:
        """Put one question down."""
        self.questions.append((ticket, model, prompt))

    def completed(self, block: bool) -> list[tuple[int, Answer]]:
        """Return the answers that have arrived; to wait for more is the driver's business."""
        answers, self.answers = self.answers, []
        return answers


class Shard:
    """The users ``mine`` of a run, moved step by step.

    A step depends on the steps before it and on what comes in, on nothing else: a shard that is
    lost comes to the same when its steps are taken again.
    """

    def __init__(self, stage: Stage, mine: range, first: Version, fitted: State) -> None:
        use_threads(stage.scenario.engine.threads)
        cast, social = stage.cast, stage.social
        if social:
            social.load_state(social.state())  # copies: what comes from the object store cannot be written to
        self._stage = stage
        self._recommenders: dict[int, Recommender] = {}
        """By the number of the version; as many as somebody sees."""
        self._post = Post()
        self._record = Record(stage.scenario.platform.window)
        crowd = Crowd(stage.scenario, cast, stage.opening, social, self._record, mine)
        self._users = Lagged(crowd, self._post, self._serving(first, fitted))
        self._begun = False

    def size(self) -> int:
        """Return how many users there are: the shard is ready."""
        return len(self._users.crowd.mine)

    @rarely_collecting()
    def step(
        self,
        version: Version | None,
        fitted: State | None,
        tips: Sequence[Columns] = (),
        answers: Sequence[tuple[int, Answer]] = (),
    ) -> Step:
        """Take in a version committed, what friends told with it, and answers; move everybody as far as they may go.

        ``fitted`` is the state of the version's recommender where that is a new one.
        """
        if version is not None:
            self._hear(tips)
            self._users.horizon.commit(self._serving(version, fitted))
            seen = {version.number for version in self._users.horizon.versions()}
            self._recommenders = {number: one for number, one in self._recommenders.items() if number in seen}
        self._post.answers += answers
        if not self._begun:
            self._users.begin()
            self._begun = True
        while self._users.advance() + self._users.hear(block=False) or not self._users.idle:
            pass
        questions, self._post.questions = self._post.questions, []
        users = self._users
        return Step(users.passed, self._record.handed_over(), questions, users.tally, users.crowd.diagnostics)

    def save(self, path: Path, key: str) -> None:
        """Put down where the users stand; columns only."""
        social = self._stage.social
        Checkpoint(path, key).save(self._users.state() | prefixed("social", social.state() if social else {}))

    def load(self, path: Path, key: str, recommenders: Mapping[int, tuple[Version, State]]) -> bool:
        """Become the shard that saved this, whose versions were made by ``recommenders``; say whether it is there."""
        state = Checkpoint(path, key).load()
        if state is None:
            return False
        self._recommenders = {}
        made = {number: self._serving(version, fitted) for number, (version, fitted) in recommenders.items()}
        self._users.load_state(state, lambda _spec, number, _key: made[number].recommender)
        if self._stage.social:
            self._stage.social.load_state(under("social.", state))
        self._begun = True
        return True

    def _hear(self, tips: Sequence[Columns]) -> None:
        """Let these users hear what friends in any shard told them."""
        social, mine = self._stage.social, self._users.crowd.mine
        if social is None:
            return
        for told in tips:
            ours = (told["friend_id"] >= mine.start) & (told["friend_id"] < mine.stop)
            social.hear({name: column[ours] for name, column in told.items()})

    def _serving(self, version: Version, fitted: State | None) -> Version:
        """Return a version with its recommender, made from its state when it is first met."""
        if fitted is not None:
            recommender = levered(version.spec)
            recommender.load_state(fitted)
            cast = self._stage.cast
            reveal(recommender, lambda: Minds(cast.behaviors, cast.member))
            self._recommenders[version.number] = recommender
        return replace(version, recommender=self._recommenders[version.number])


def without_recommender(version: Version) -> Version:
    """Return a version as it travels: its recommender goes as a state, once."""
    nobody: Any = None
    return replace(version, recommender=nobody)
