"""The desk where users wait for their pages, and where language models' answers come back."""

import heapq
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import simpy

from agents import reflection
from agents.behaviors.base import Behavior, Talked, TalkingBehavior
from agents.cohort import VISITS
from agents.llm.base import Answer, Prompt
from agents.memory import Operations, recalled
from agents.pages import join, observations, take
from agents.schema import PAD, Action, DecidedBy, Decisions, Floats, Ints, Observation
from simulator.crowd import Crowd, Shown, Turned
from simulator.log import llm_call
from simulator.session import Page, Turn
from simulator.window import Version

if TYPE_CHECKING:
    from agents.population import Population

BLOCK = 4096
"""Pages answered at once, at most: bounds memory."""


Conversations = Sequence[Generator[Prompt, Answer, Talked]]


class Exchange(Protocol):
    """Where questions to language models go; satisfied by agents.llm.dispatcher.Dispatcher."""

    def submit(self, ticket: int, model: str, prompt: Prompt) -> None:
        """Send one question."""
        ...

    def completed(self, block: bool) -> list[tuple[int, Answer]]:
        """Return the answers that have arrived; with ``block``, wait for at least one."""
        ...


@dataclass
class Talk:
    """One conversation with a language model under way."""

    shown: Shown
    """The pages its page was shown with."""
    row: int
    """Which of them it is about."""
    seen: Observation
    behavior: TalkingBehavior
    conversation: Generator[Prompt, Answer, Talked]
    prompt: Prompt
    calls: list[tuple[Prompt, Answer]] = field(default_factory=list)
    end: Talked = field(default_factory=Talked)
    reflecting: bool = False
    """Whether its user still looks back; the conversation about the page follows."""
    notes: tuple[str, ...] = ()
    """How the answers to what came before that conversation parsed."""


@dataclass
class Tally:
    """Running counts of what users did and of how language-model decisions came about."""

    pages: int = 0
    sessions: int = 0
    watches: int = 0
    llm_decisions: int = 0
    repaired: int = 0
    fallback: int = 0
    reflections: int = 0
    reflections_failed: int = 0


class Desk:
    """Answer users who wait for a page, many at once, and tell each what it came to.

    An answer takes no simulated time, so neither latency nor the order of answers can change what
    a user does next. No user's outcome depends on who else is answered with it.
    """

    def __init__(self, crowd: Crowd, exchange: Exchange) -> None:
        self.crowd = crowd
        self.tally = Tally()
        self._first_visits: Floats = crowd.cohort.next_visit(np.array(crowd.mine), 0.0)
        self._exchange = exchange
        self._waiting: dict[int, tuple[float, Page]] = {}
        self._open: dict[int, Page] = {}
        self._talks: dict[int, Talk] = {}
        self._moments: list[tuple[float, int]] = []
        self._talking: dict[int, float] = {}
        self._ticket = 0

    @cached_property
    def _population(self) -> "Population":
        """The Mesa model of those who talk; without any, seconds of importing Mesa are saved."""
        from agents.population import Population

        return Population(self.crowd.cast.setting)

    # -- what a user's life asks (simulator.session.Platform) -----------------------------------------

    def first_visit(self, user_id: int) -> float:
        """Return the moment a user comes for the first time."""
        return float(self._first_visits[user_id - self.crowd.mine.start])

    def page(self, user_id: int, env: simpy.Environment) -> Page:
        """Let a user wait for its next page."""
        page = Page(env)
        self._waiting[user_id] = (env.now, page)
        return page

    def visible(self, now: Floats) -> tuple[Sequence[Version], Ints]:
        """Return versions, and for each of these moments which of them is what a user sees; the driver knows."""
        raise NotImplementedError

    # -- answering --------------------------------------------------------------------------------------

    def answer(self) -> list[int]:
        """Answer everybody who waits, as far as that needs no language model; return whom."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return []
        rows = np.fromiter(waiting, dtype=np.int64, count=len(waiting))
        now = np.fromiter((moment for moment, _ in waiting.values()), dtype=np.float64, count=len(waiting))
        self._open.update((user, page) for user, (_, page) in waiting.items())
        return [user for turned in self.turn(rows, now) for user in self._tell(turned)]

    def turn(self, rows: Ints, now: Floats) -> Iterator[Turned]:
        """Turn to the next page for each of these users, and begin to ask where a language model decides."""
        for first in range(0, len(rows), BLOCK):
            part = slice(first, first + BLOCK)
            shown = self.crowd.show(rows[part], now[part], *self.visible(now[part]))
            for behavior, group in self._by_behavior(shown):
                if behavior is None:
                    yield self._ended(self.crowd.nothing_to_show(group))
                elif isinstance(behavior, TalkingBehavior):
                    self._begin_talks(behavior, group)
                else:
                    yield self._decided(group, behavior.respond(group.look.pages))

    def _by_behavior(self, shown: Shown) -> Iterator[tuple[Behavior | None, Shown]]:
        """Yield pages by who decides about them; nobody about an empty one."""
        pages, behaviors = shown.look.pages, self.crowd.cast.behaviors
        member = np.where(pages.item_id[:, 0] != PAD, self.crowd.cast.member[pages.user_id], len(behaviors))
        for kind, behavior in enumerate((*behaviors, None)):
            rows = np.flatnonzero(member == kind)
            if len(rows):
                yield behavior, shown if len(rows) == len(member) else take(shown, rows)

    def _decided(self, shown: Shown, decisions: Decisions, call_id: Sequence[str] = ()) -> Turned:
        self.tally.pages += len(decisions.action)
        self.tally.watches += int((decisions.action == Action.WATCH).sum())
        return self._ended(self.crowd.happened(shown, decisions, call_id))

    def _ended(self, turned: Turned) -> Turned:
        self.tally.sessions += int(turned.left.sum())
        return turned

    def _tell(self, turned: Turned) -> list[int]:
        """Settle the pages of users on clocks of their own; return these users."""
        users: list[int] = turned.user_id.tolist()
        columns = zip(users, turned.minutes.tolist(), turned.left.tolist(), turned.away.tolist(), strict=True)
        for user, minutes, left, away in columns:
            self._open.pop(user).settle(Turn(minutes, left, away))
        return users

    # -- asking language models -----------------------------------------------------------------------

    @property
    def talking(self) -> int:
        """Return how many questions to language models wait for an answer."""
        return len(self._talks)

    def earliest_talk(self) -> float:
        """Return the earliest simulated moment for which an answer is outstanding."""
        while self._moments and self._talking.get(self._moments[0][1]) != self._moments[0][0]:
            heapq.heappop(self._moments)
        return self._moments[0][0] if self._moments else math.inf

    def collect(self, block: bool) -> list[int]:
        """Take in the answers that have arrived; return the users whose pages are decided by them."""
        ended: dict[int, list[Talk]] = {}
        for ticket, answer in self._exchange.completed(block):
            talk = self._talks.pop(ticket)
            talk.calls.append((talk.prompt, answer))
            try:
                talk.prompt = talk.conversation.send(answer)
            except StopIteration as end:
                if talk.reflecting:
                    self._look_up(talk, end.value)
                    continue
                talk.end = end.value
                ended.setdefault(id(talk.behavior), []).append(talk)
            else:
                self._send(talk)
        return [user for talks in ended.values() for user in self._tell(self._conclude(talks))]

    def _begin_talks(self, behavior: TalkingBehavior, shown: Shown) -> None:
        look = shown.look
        looking_back = self._population.looking_back(look.pages, look.session_id % VISITS)
        if looking_back.any():
            self._look_back(behavior, take(shown, np.flatnonzero(looking_back)))
            shown = take(shown, np.flatnonzero(~looking_back))
        if len(shown.score):
            seen = self._seen(shown)
            self._open_talks(behavior, shown, seen, self._converse(behavior, shown, seen))

    def _converse(self, behavior: TalkingBehavior, shown: Shown, seen: Sequence[Observation]) -> Conversations:
        """Begin a conversation about each page, with what its user recalls."""
        pages = shown.look.pages
        told = self._population.recall(pages)
        self._note_memory(recalled(pages, told))
        return behavior.converse(pages, seen, told)

    def _look_back(self, behavior: TalkingBehavior, shown: Shown) -> None:
        """Let users reflect on all that matters to them, whatever their pages hold, before they look at these."""
        pages = replace(shown.look.pages, item_id=np.full_like(shown.look.pages.item_id, PAD))
        told = self._population.recall(pages)
        self._note_memory(recalled(pages, told))
        seen = self._seen(shown)
        conversations = [
            reflection.ask(self._population.user(one.user_id).persona, text, one.decision, one.now)
            for one, text in zip(seen, told, strict=True)
        ]
        self._open_talks(behavior, shown, seen, conversations, reflecting=True)

    def _look_up(self, talk: Talk, end: Talked) -> None:
        """Keep the insight a user came to, if any, and go on to its page."""
        self.tally.reflections += 1
        if end.content is None:
            self.tally.reflections_failed += 1
        else:
            self._note_memory(self._population.reflect(talk.seen.user_id, talk.seen.now, end.content))
        talk.reflecting, talk.notes = False, end.notes
        (talk.conversation,) = self._converse(talk.behavior, take(talk.shown, np.array([talk.row])), [talk.seen])
        talk.prompt = next(talk.conversation)
        self._send(talk)

    def _open_talks(
        self,
        behavior: TalkingBehavior,
        shown: Shown,
        seen: Sequence[Observation],
        conversations: Conversations,
        *,
        reflecting: bool = False,
    ) -> None:
        for row, (one, conversation) in enumerate(zip(seen, conversations, strict=True)):
            heapq.heappush(self._moments, (one.now, one.user_id))
            self._talking[one.user_id] = one.now
            self._send(Talk(shown, row, one, behavior, conversation, next(conversation), reflecting=reflecting))

    def _seen(self, shown: Shown) -> list[Observation]:
        pages, social = shown.look.pages, self.crowd.social
        seen = observations(pages, shown.look.session_id, self.crowd.cast.catalog.items)
        if social is None or shown.until is None:
            return seen
        told = social.tellers(pages.user_id, pages.item_id, shown.until)
        return [replace(one, friends=tuple(who[: len(one.items)])) for one, who in zip(seen, told, strict=True)]

    def _send(self, talk: Talk) -> None:
        self._ticket += 1
        self._talks[self._ticket] = talk
        self._exchange.submit(self._ticket, talk.behavior.model, talk.prompt)

    def _conclude(self, talks: Sequence[Talk]) -> Turned:
        """Turn finished conversations of one behavior into what their pages came to."""
        groups: dict[int, list[Talk]] = {}
        for talk in talks:
            groups.setdefault(id(talk.shown), []).append(talk)
        talks = [talk for group in groups.values() for talk in group]
        shown = join([take(group[0].shown, np.array([talk.row for talk in group])) for group in groups.values()])
        ends = [talk.end for talk in talks]
        decisions = talks[0].behavior.conclude(shown.look.pages, ends)
        self._note_memory(self._population.remember(shown.look.pages, decisions))
        for talk in talks:
            del self._talking[talk.seen.user_id]
            self._note_calls(talk)
        self.tally.llm_decisions += len(talks)
        self.tally.repaired += int((decisions.decided_by == DecidedBy.REPAIRED).sum())
        self.tally.fallback += int((decisions.decided_by == DecidedBy.FALLBACK).sum())
        return self._decided(shown, decisions, [end.call_id for end in ends])

    def _note_memory(self, done: Operations) -> None:
        columns = {field.name: getattr(done, field.name) for field in fields(done)}
        self.crowd.record.add("memory", done.now, done.user_id, done.sequence, columns)

    def _note_calls(self, talk: Talk) -> None:
        """Write one ``llm_calls`` row per question of a finished conversation."""
        seen, notes = talk.seen, talk.notes + talk.end.notes
        for number, (prompt, answer) in enumerate(talk.calls):
            parsed = notes[number] if number < len(notes) else "ok"
            row = llm_call((talk.behavior.model, prompt, answer), seen.now, seen.user_id, seen.decision, parsed)
            self.crowd.record.row("llm_calls", seen.now, seen.user_id, seen.decision * 1000 + number, row)
