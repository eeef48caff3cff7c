"""The desk where sessions leave their questions and where answers come back."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import simpy

from agents.behaviors.base import Behavior, TalkingBehavior
from agents.llm.base import Answer, Prompt
from agents.pages import single, stack
from agents.schema import Action, DecidedBy, Decision, ExitReason, Observation
from agents.user import UserAgent
from simulator.log import LlmCall
from simulator.record import PageShown
from simulator.window import Version
from simulator.world import Shown, World


class Exchange(Protocol):
    """Where questions to language models go; satisfied by agents.llm.dispatcher.Dispatcher."""

    def submit(self, ticket: int, model: str, prompt: Prompt) -> None:
        """Send one question."""
        ...

    def completed(self, block: bool) -> list[tuple[int, Answer]]:
        """Return the answers that have arrived; with ``block``, wait for at least one."""
        ...

    def sync(self) -> None:
        """Make every recorded answer durable, before a commit rests on it."""
        ...


@dataclass
class Talk:
    """One conversation with a language model under way."""

    user: UserAgent
    observation: Observation
    event: simpy.Event
    conversation: Generator[Prompt, Answer, Decision]
    prompt: Prompt
    calls: list[tuple[Prompt, Answer]] = field(default_factory=list)


@dataclass
class Tally:
    """Running counts of what users did and of how language-model decisions came about."""

    pages: int = 0
    sessions: int = 0
    watches: int = 0
    llm_decisions: int = 0
    repaired: int = 0
    fallback: int = 0


class Desk:
    """Take questions from sessions, answer them in batches, and fire their events.

    An answer takes no simulated time, so neither latency nor the order of answers can change what
    a user does next.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self.world = world
        self.max_pages = world.scenario.users.max_pages
        self.tally = Tally()
        self.exchange = exchange
        self._slates: list[tuple[UserAgent, float, Version, simpy.Event]] = []
        self._pages: list[tuple[UserAgent, Observation, simpy.Event]] = []
        self._talks: dict[int, Talk] = {}
        self._ticket = 0

    # -- what a session asks (simulator.session.Platform) -------------------------------------------

    def visible(self, now: float) -> Version:
        """Return what a user acting now may see; the driver knows."""
        raise NotImplementedError

    def slate(self, user: UserAgent, env: simpy.Environment) -> simpy.Event:
        """Queue a slate request."""
        event = env.event()
        self._slates.append((user, env.now, self.visible(env.now), event))
        return event

    def decision(self, user: UserAgent, env: simpy.Environment, observation: Observation) -> simpy.Event:
        """Queue a page for its behavior."""
        event = env.event()
        if isinstance(user.behavior, TalkingBehavior):
            self._begin_talk(user, user.behavior, observation, event)
        else:
            self._pages.append((user, observation, event))
        return event

    def page_happened(self, user: UserAgent, shown: Shown, observation: Observation, decision: Decision) -> None:
        """Pass a page on to the world."""
        self.tally.pages += 1
        self.tally.watches += sum(action == Action.WATCH for action in decision.actions)
        self.keep(self.world.page_happened(user, shown, observation, decision))

    def keep(self, page: PageShown) -> None:
        """Do with a recorded page what the driver's visibility rule asks for at once; by default nothing."""

    def session_ended(
        self, user: UserAgent, session_id: int, start: float, end: float, pages: int, reason: ExitReason
    ) -> None:
        """Pass a visit on to the world."""
        self.tally.sessions += 1
        self.world.session_ended(user, session_id, start, end, pages, reason)

    # -- answering ----------------------------------------------------------------------------------

    def answer_at_once(self) -> list[UserAgent]:
        """Answer every slate request and every page that needs no language model; return whom."""
        slates, self._slates = self._slates, []
        pages, self._pages = self._pages, []
        if slates:
            for (*_, event), shown in zip(slates, self.world.serve([ask[:3] for ask in slates]), strict=True):
                event.succeed(shown)
        by_behavior: dict[int, list[tuple[UserAgent, Observation, simpy.Event]]] = {}
        for page in pages:
            by_behavior.setdefault(id(page[0].behavior), []).append(page)
        for group in by_behavior.values():
            _decide(group[0][0].behavior, group)
        return [ask[0] for ask in slates] + [page[0] for page in pages]

    @property
    def talking(self) -> int:
        """Return how many questions to language models wait for an answer."""
        return len(self._talks)

    def earliest_talk(self) -> float:
        """Return the earliest simulated moment for which an answer is outstanding."""
        return min((talk.observation.now for talk in self._talks.values()), default=math.inf)

    def collect(self, block: bool) -> list[UserAgent]:
        """Take in the answers that have arrived; return the users who decided."""
        decided = []
        for ticket, answer in self.exchange.completed(block):
            talk = self._talks.pop(ticket)
            talk.calls.append((talk.prompt, answer))
            try:
                talk.prompt = talk.conversation.send(answer)
                self._send(talk)
            except StopIteration as end:
                self._note_calls(talk, end.value)
                talk.event.succeed(end.value)
                decided.append(talk.user)
        return decided

    def _begin_talk(
        self, user: UserAgent, behavior: TalkingBehavior, observation: Observation, event: simpy.Event
    ) -> None:
        conversation = behavior.talk(observation, user.recall(observation))
        self._send(Talk(user, observation, event, conversation, next(conversation)))

    def _send(self, talk: Talk) -> None:
        self._ticket += 1
        self._talks[self._ticket] = talk
        behavior = talk.user.behavior
        assert isinstance(behavior, TalkingBehavior)
        self.exchange.submit(self._ticket, behavior.model, talk.prompt)

    def _note_calls(self, talk: Talk, decision: Decision) -> None:
        """Write one ``llm_calls`` row per question of a finished conversation."""
        self.tally.llm_decisions += 1
        self.tally.repaired += decision.decided_by == DecidedBy.REPAIRED
        self.tally.fallback += decision.decided_by == DecidedBy.FALLBACK
        behavior = talk.user.behavior
        assert isinstance(behavior, TalkingBehavior)
        seen = talk.observation
        for number, (prompt, answer) in enumerate(talk.calls):
            parsed = decision.notes[number] if number < len(decision.notes) else "ok"
            row = llm_call(seen, behavior.model, prompt, answer, parsed)
            self.world.record.row("llm_calls", seen.now, seen.user_id, seen.decision * 1000 + number, row)


def llm_call(seen: Observation, model: str, prompt: Prompt, answer: Answer, parsed: str) -> LlmCall:
    """Return the log row of one question and its answer."""
    return LlmCall(
        call_id=answer.call_id,
        now=seen.now,
        user_id=seen.user_id,
        decision=seen.decision,
        purpose=prompt.purpose,
        model=model,
        kind=prompt.kind,
        status=answer.status,
        parse_status=parsed,
        tokens_in=answer.tokens_in,
        tokens_cached=answer.tokens_cached,
        tokens_out=answer.tokens_out,
        latency_s=answer.latency_s,
        queue_s=answer.queue_s,
        attempts=answer.attempts,
        cached=answer.cached,
        cost=math.nan if answer.cost is None else answer.cost,
        error=answer.error,
    )


def _decide(behavior: Behavior, group: Sequence[tuple[UserAgent, Observation, simpy.Event]]) -> None:
    """Answer pages of one behavior with its column kernel."""
    decisions = behavior.respond(stack([observation for _, observation, _ in group]))
    for row, (_, observation, event) in enumerate(group):
        event.succeed(single(decisions, row, len(observation.items)))
