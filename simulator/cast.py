"""Before time starts: who plays, how they decide, and which real interactions each side may learn from."""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from agents import narration
from agents.behaviors.base import Behavior, Talked, TalkingBehavior
from agents.embeddings import embedded
from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Kind, Prompt
from agents.personas.base import PersonaSource
from agents.schema import Choices, Floats, History, Ints, Setting
from simulator.catalog import Catalog, Interactions
from simulator.components import build, find
from simulator.data.base import Dataset, DataSource
from simulator.data.split import Split, split
from simulator.recommenders.base import Progress, silent
from simulator.scenario import Scenario
from simulator.seeds import Streams


class Voices(Protocol):
    """The scenario's language models by name; satisfied by agents.llm.dispatcher.Dispatcher."""

    def kinds(self, model: str) -> frozenset[Kind]:
        """Return the kinds of prompt a language model can answer."""
        ...

    def submit(self, ticket: int, model: str, prompt: Prompt) -> None:
        """Send one question."""
        ...

    def completed(self, block: bool) -> list[tuple[int, Answer]]:
        """Return the answers that have arrived; with ``block``, wait for at least one."""
        ...


@dataclass(frozen=True)
class Cast:
    """Everything a world starts from.

    ``setting.personas`` are indexed by user id 0..n-1; ``known`` is what the platform knows at time
    0, in inside ids: simulated users first, real users that nobody plays (background) from n on.
    """

    dataset: Dataset
    behaviors: tuple[Behavior, ...]
    member: Ints
    """Index into ``behaviors`` per user."""
    known: Interactions
    setting: Setting
    narratives: Mapping[str, int] = field(default_factory=dict)
    """How many the narrator wrote, how many of them at its second try, and how many users have the template's."""

    @property
    def catalog(self) -> Catalog:
        """Return the items on offer."""
        return self.dataset.catalog

    def talkers(self) -> Ints:
        """Return the users who ask a language model."""
        return talkers(self.behaviors, self.member)


def talkers(behaviors: Sequence[Behavior], member: Ints) -> Ints:
    """Return the users who ask a language model."""
    talking = np.array([isinstance(behavior, TalkingBehavior) for behavior in behaviors])
    return np.flatnonzero(talking[member])


def gather(scenario: Scenario, voices: Voices, progress: Progress = silent) -> Cast:
    """Set the stage, then fit and calibrate the behaviors."""
    dataset, known, setting = stage(scenario)
    streams, users = Streams(scenario.seed), len(setting.personas)
    behaviors, member = assign(build("behaviors", scenario.behavior.spec()), streams, users)
    narratives: dict[str, int] = {}
    if scenario.users.narrator:
        setting, narratives = narrated(scenario.users.narrator, setting, talkers(behaviors, member), voices, progress)
    for behavior in behaviors:
        if isinstance(behavior, TalkingBehavior):
            kinds = voices.kinds(behavior.model)
            if scenario.users.memory.reflects and "text" not in kinds:
                raise InvalidInput(
                    f"users.memory: reflection needs free text, and llm {behavior.model!r} answers only "
                    f"{', '.join(sorted(kinds))}; set reflect_every: 0 and surprise: null, or use another llm"
                )
            behavior.settle(kinds)
        behavior.prepare(setting)
        if isinstance(behavior, TalkingBehavior):
            behavior.read(prepared(behavior.model, behavior.reading(), voices, progress, "reading the catalog"))
            told = prepared(behavior.model, behavior.calibration(), voices, progress, "calibrating the language model")
            behavior.calibrate(told)
    return Cast(dataset, behaviors, member, known, setting, narratives)


def stage(scenario: Scenario) -> tuple[Dataset, Interactions, Setting]:
    """Load the data, choose the users and make their personas; return also what the platform knows at time 0."""
    dataset, parts = load(scenario)
    streams = Streams(scenario.seed)
    source: PersonaSource = build("personas", scenario.users.persona.spec())
    source_user = choose(dataset, scenario, streams)
    learned_from = history(parts.users)
    popularity = parts.platform.counts(len(dataset.catalog))
    personas = source.make(source_user, dataset.users, learned_from, dataset.catalog.items, popularity, streams)
    setting = Setting(
        items=dataset.catalog.items,
        personas=personas,
        history=learned_from,
        source_user=source_user,
        popularity=popularity,
        mean_rating=mean_ratings(parts.platform, len(dataset.catalog)),
        scale=dataset.scale,
        choices=Choices(
            **scenario.choice.model_dump(),
            rate=scenario.users.rate,
            vote=scenario.users.vote,
            able=frozenset(scenario.users.actions),
            influence=scenario.social.influence if scenario.social else 0.0,
        ),
        draws=streams,
        slate_size=scenario.recommender.slate_size,
        sessions_per_day=scenario.users.sessions_per_day,
        rounds=scenario.users.rhythm == "rounds",
        memory_tokens=scenario.users.memory_tokens,
        vectors=embedded(dataset.catalog.items, scenario.users.memory.relevance),
        reflect_every=scenario.users.memory.reflect_every,
        drift=scenario.users.drift,
        drift_half_life=math.inf if scenario.users.drift_half_life is None else scenario.users.drift_half_life,
        surprise=math.inf if scenario.users.memory.surprise is None else scenario.users.memory.surprise,
    )
    return dataset, known_at_start(parts.platform, source_user), setting


def load(scenario: Scenario) -> tuple[Dataset, Split]:
    """Return the data set and its division into what users, recommenders and nobody may learn from."""
    source: DataSource = build("data", scenario.data.spec())
    dataset = source.load()
    shares = scenario.data.split
    return dataset, split(dataset, shares.held_out, shares.users, Streams(scenario.seed))


def choose(dataset: Dataset, scenario: Scenario, streams: Streams) -> Ints:
    """Return the data set's user each simulated user is learned from, in keyed order; -1 for invented ones."""
    count = scenario.users.count
    if find("personas", scenario.users.persona.kind).invented:
        return np.full(count, -1, dtype=np.int64)
    taken = np.bincount(dataset.interactions.user_id, minlength=len(dataset.users))
    eligible = np.flatnonzero(taken >= scenario.data.min_interactions)
    if len(eligible) < count:
        raise InvalidInput(
            f"users.count is {count}, but {dataset.name} has {len(eligible)} users with at least "
            f"{scenario.data.min_interactions} interactions; ask for fewer, lower data.min_interactions, "
            "or invent users with persona: {kind: sampled}"
        )
    return eligible[np.argsort(streams.uniform("cast", eligible), kind="stable")][:count].astype(np.int64)


def history(log: Interactions) -> History:
    """Return interactions in the agents' form, sorted by (user, time)."""
    rows = np.argsort(log.user_id, kind="stable")
    return History(log.user_id[rows], log.item_id[rows], log.rating[rows], log.time[rows])


def mean_ratings(log: Interactions, n_items: int) -> Floats:
    """Return each item's public mean rating, NaN where nobody rated it."""
    rated = np.isfinite(log.rating)
    count = np.bincount(log.item_id[rated], minlength=n_items)
    total = np.bincount(log.item_id[rated], weights=log.rating[rated], minlength=n_items)
    means = np.full(n_items, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def known_at_start(platform: Interactions, source_user: Ints) -> Interactions:
    """Return the platform's log in inside user ids: simulated users 0..n-1, background users after them."""
    n = len(source_user)
    inside = np.arange(n, n + int(platform.user_id.max(initial=-1)) + 1)
    inside[source_user[(source_user >= 0) & (source_user < len(inside))]] = np.flatnonzero(
        (source_user >= 0) & (source_user < len(inside))
    )
    return Interactions(
        inside[platform.user_id], platform.item_id, platform.rating, platform.time, platform.is_synthetic
    )


def assign(behavior: Behavior, streams: Streams, n_users: int) -> tuple[tuple[Behavior, ...], Ints]:
    """Return the behaviors and, per user, which of them it has, by keyed draw against the shares."""
    members = behavior.shares()
    shares = np.cumsum([share for _, share in members])
    draw = streams.uniform("behavior", np.arange(n_users)) * shares[-1]
    return tuple(member for member, _ in members), np.searchsorted(shares, draw, side="right").astype(np.int64)


def prepared(
    model: str, conversations: Sequence[Generator[Prompt, Answer, Any]], voices: Voices, progress: Progress, what: str
) -> list[Any]:
    """Hold conversations that must succeed; a failed answer ends the run before it starts."""

    def heard(done: float, answer: Answer) -> None:
        if answer.status == "failed":
            raise MissingResource(f"{what}: {model!r} failed: {answer.error}")
        progress(done, what)

    return hold(conversations, model, voices, heard)


def narrated(
    model: str, setting: Setting, users: Ints, voices: Voices, progress: Progress
) -> tuple[Setting, dict[str, int]]:
    """Let a language model write the narratives of these users; return also how that went.

    Who has one that somebody wrote keeps it, and who gets none that fits its quantities has the template's.
    """
    if "text" not in voices.kinds(model):
        raise InvalidInput(f"users.narrator: llm {model!r} answers no free text; name another, or leave narrator out")
    personas = setting.personas
    asked = [user for user in users.tolist() if not (personas.given and personas.given[user][1])]
    conversations = [narration.ask(personas[user], personas.closing(user)) for user in asked]
    ends: list[Talked] = hold(conversations, model, voices, lambda done, _: progress(done, "writing narratives"))
    texts = {user: end.content for user, end in zip(asked, ends, strict=True) if end.content}
    repaired = sum(end.content is not None and len(end.notes) > 1 for end in ends)
    counts = {"written": len(texts), "repaired": repaired, "template": len(asked) - len(texts)}
    return replace(setting, personas=personas.retold(texts)), counts


def hold(
    conversations: Sequence[Generator[Prompt, Answer, Any]],
    model: str,
    voices: Voices,
    heard: Callable[[float, Answer], None],
) -> list[Any]:
    """Hold conversations side by side and return what they came to; each answer is ``heard`` with the share done."""
    outcomes: dict[int, Any] = {}
    for ticket, conversation in enumerate(conversations):
        voices.submit(ticket, model, next(conversation))
    while len(outcomes) < len(conversations):
        for ticket, answer in voices.completed(block=True):
            heard(len(outcomes) / len(conversations), answer)
            try:
                voices.submit(ticket, model, conversations[ticket].send(answer))
            except StopIteration as end:
                outcomes[ticket] = end.value
    return [outcomes[ticket] for ticket in range(len(conversations))]
