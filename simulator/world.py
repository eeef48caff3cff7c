"""The platform under test: what it knows, what it shows, and when that changes."""

import json
import math
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import simpy

from agents.cohort import VISITS, Cohort, Look
from agents.errors import InvalidInput
from agents.llm.base import Answer, Prompt
from agents.needs import Needs
from agents.ragged import Ragged
from agents.schema import PAD, Action, Bools, Decisions, ExitReason, Floats, Ints
from simulator.cast import Cast
from simulator.catalog import Interactions
from simulator.checkpoint import prefixed
from simulator.components import kind_of
from simulator.fits import Fits
from simulator.log import Refit, Update, llm_call
from simulator.recommenders.base import Progress, Recommender, Requests, State, silent, under
from simulator.record import PAGES, Columns, Record
from simulator.scenario import Scenario
from simulator.search import SearchIndex
from simulator.seeds import Streams
from simulator.social import Social
from simulator.truth import Minds, reveal
from simulator.window import Version

PLATFORM = -1
"""Stands where rows carry a user id but the platform acted."""


@dataclass(frozen=True)
class Shown:
    """Pages on their way to their users, one row a page, K positions."""

    look: Look
    score: Floats
    propensity: Floats
    popularity_rank: Ints
    model_version: Ints
    source: Ints
    """0: made by the recommender, 1: found by the search"""
    until: Floats | None = None
    """Up to when users know what friends told; None where nobody has friends"""


@dataclass(frozen=True)
class Turned:
    """What pages came to, one row a page."""

    user_id: Ints
    minutes: Floats
    """Time spent on the page."""
    left: Any
    """(B,) bool: the visit ended with it"""
    away: Floats
    """Minutes from then to the next visit, 0 for users who stay."""


class World:
    """Shared state with a single writer: users read ``Version`` objects, commits make new ones.

    Everything about users comes and goes in batches, rows independent of each other.
    """

    def __init__(self, scenario: Scenario, cast: Cast, fits: Fits, progress: Progress = silent) -> None:
        self.scenario = scenario
        self.cast = cast
        self.streams = Streams(scenario.seed)
        self.record = Record(scenario.platform.window)
        self.cohort = Cohort(cast.setting)
        self._able = cast.setting.choices.able
        self._fits = fits
        self._progress = progress
        self._log = [cast.known]
        self._popularity = cast.setting.popularity
        self._trails = _trails(cast)
        self._needs = Needs.of(cast.setting)
        self._search = SearchIndex(cast.catalog, cast.setting.popularity)
        self.social = Social(scenario.social, cast.setting, self.streams) if scenario.social else None
        self._note_cast()
        self.diagnostics: Counter[str] = Counter()
        """What recommenders counted while they made slates."""
        self.version: Version
        """What the next commit publishes."""
        self._turns: Ints = np.zeros(2, dtype=np.int64)
        """Refits and updates whose time has come."""
        self._learned = 0.0
        """What was logged before this moment is in the recommender."""
        if self._learns and scenario.recommender.update != "never" and not fits.updates:
            raise InvalidInput(
                f"recommender.update: {scenario.recommender.kind} takes nothing in between refits; "
                "remove the key, or use a recommender that does (sasrec, hstu, semantic_id)"
            )
        fits.overheard(self._note_call)
        self._refit(0.0, None, 0)
        self._start(0.0)

    def _start(self, now: float) -> None:
        """Let the platform's own clock run from a moment on."""
        self.env = simpy.Environment(initial_time=now)
        if self._learns:
            self.env.process(self._learning())

    @property
    def _learns(self) -> bool:
        """Tell whether the recommender ever takes in what users do."""
        section = self.scenario.recommender
        return section.retrain != "never" or section.update != "never"

    # -- a page, for many users at once -------------------------------------------------------------

    def show(self, rows: Ints, now: Floats, versions: Sequence[Version], which: Ints) -> Shown:
        """Open a page for each of these users, made by ``versions[which]``."""
        self.cohort.turn_page(rows, now)
        searching = self._searching(rows)
        number = np.array([version.number for version in versions], dtype=np.int64)[which]
        item_id, score, propensity = self._slates(rows, now, versions, np.where(searching, PAD, number))
        if searching.any():
            item_id[searching], score[searching] = self._found(rows[searching], now[searching])
        popularity, rank = np.zeros(item_id.shape), np.zeros(item_id.shape, dtype=np.int64)
        for place, version in enumerate(versions):
            mine = which == place if len(versions) > 1 else slice(None)
            popularity[mine] = version.popularity[item_id[mine]]
            rank[mine] = version.popularity_rank[item_id[mine]]
        told = until = None
        if self.social:
            until = np.array([version.until for version in versions])[which]
            told = self.social.told(rows, item_id, until)
        look = self.cohort.look(rows, now, item_id, popularity, told)
        return Shown(look, score, propensity, rank, number, searching.astype(np.int64), until)

    def happened(self, shown: Shown, decisions: Decisions, call_id: Sequence[str] = ()) -> Turned:
        """Let users live with what they decided, and record it; what they took is in their history at once."""
        pages = shown.look.pages
        minutes = self.cohort.live(shown.look, decisions, shown.source == 0)
        self._note_taken(shown, decisions)
        self._note_pages(shown, decisions, call_id)
        most = self.scenario.users.max_pages if "next_page" in self._able else 1
        full = (decisions.exit_reason == ExitReason.STAYED) & (pages.page >= most)
        reason = np.where(full, ExitReason.PAGE_LIMIT, decisions.exit_reason)
        return self._turned(shown, minutes, reason)

    def nothing_to_show(self, shown: Shown) -> Turned:
        """End the visits of users whose slates came out empty."""
        reason = np.full(len(shown.score), ExitReason.NOTHING_TO_SHOW)
        return self._turned(shown, np.zeros(len(reason)), reason)

    def _slates(
        self, rows: Ints, now: Floats, versions: Sequence[Version], number: Ints
    ) -> tuple[Ints, Floats, Floats]:
        """Return items, scores and propensities by the recommender of each ``number``; nothing where PAD stands."""
        size = self.scenario.recommender.slate_size
        item_id = np.full((len(rows), size), PAD, dtype=np.int64)
        score, propensity = np.full(item_id.shape, np.nan), np.full(item_id.shape, np.nan)
        for version in {version.number: version for version in versions}.values():
            mine = np.flatnonzero(number == version.number)
            if not len(mine):
                continue
            slates = version.recommender.recommend(self._requests(rows[mine], now[mine]), size)
            item_id[mine], score[mine] = slates.item_id, slates.score
            propensity[mine] = np.exp(slates.log_propensity)
            self.diagnostics.update(slates.diagnostics)
        return item_id, score, propensity

    def _searching(self, rows: Ints) -> Bools:
        """Tell who begins its visit with a search."""
        share = self.scenario.users.search
        if not share or "search" not in self._able:
            return np.zeros(len(rows), dtype=np.bool_)
        draw = self.streams.uniform("search", rows, self.cohort.visits[rows])
        return np.asarray((self.cohort.page[rows] == 1) & (draw < share))

    def _found(self, rows: Ints, now: Floats) -> tuple[Ints, Floats]:
        """Return what the search finds for what these users are in the mood for, and log what they asked."""
        size = self.scenario.recommender.slate_size
        visits, requests = self.cohort.visits[rows], self._requests(rows, now)
        moved = self.cohort.drift.at(rows, now) if self.cohort.drift else None
        mood = self._needs.mood(rows, visits, moved)
        item_id = np.full((len(rows), size), PAD, dtype=np.int64)
        score = np.full(item_id.shape, np.nan)
        for genre in np.flatnonzero(np.bincount(mood)).tolist():
            mine = np.flatnonzero(mood == genre)
            found = self._search.results(self._needs.genres[genre], requests.take(mine), size)
            item_id[mine], score[mine] = found
        query = np.array(self._needs.genres)[mood]
        asked = {"now": now, "user_id": rows, "session_id": rows * VISITS + visits, "query": query}
        self.record.add("searches", now, rows, visits, asked)
        return item_id, score

    def _requests(self, rows: Ints, now: Floats) -> Requests:
        _, place = self._trails.find(rows)
        history = self._trails.columns["item"][place].astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(self._trails.size[rows])])
        hide = self.scenario.recommender.exclude_seen
        return Requests(
            user_id=rows,
            now=now,
            history=history,
            history_time=self._trails.columns["time"][place],
            starts=starts,
            exclude=history if hide else np.empty(0, dtype=np.int64),
            exclude_starts=starts if hide else np.zeros_like(starts),
            seed=self.streams.words("request", rows, self.cohort.decisions[rows]),
        )

    def _turned(self, shown: Shown, minutes: Floats, reason: Any) -> Turned:
        """Record the visits that end, and settle when their users come again."""
        pages = shown.look.pages
        rows, end = pages.user_id, pages.now + minutes
        left, away = reason != ExitReason.STAYED, np.zeros(len(rows))
        if left.any():
            gone, ended = rows[left], end[left]
            visits: Columns = {
                "session_id": shown.look.session_id[left],
                "user_id": gone,
                "start": shown.look.began[left],
                "end": ended,
                "pages": pages.page[left],
                "exit_reason": reason[left],
                "satisfaction": self.cohort.satisfaction[gone],
                "fatigue": self.cohort.fatigue[gone],
                "trust": self.cohort.trust[gone],
            }
            self.record.add("sessions", ended, gone, self.cohort.visits[gone], visits)
            if self.cohort.drift:
                moved: Columns = {name: visits[name] for name in ("user_id", "session_id")} | {"now": ended}
                moved["distance"] = self.cohort.drift.distance(gone, ended)
                self.record.add("drift", ended, gone, self.cohort.visits[gone], moved)
            self.cohort.leave(gone)
            again = "return" in self._able
            away[left] = self.cohort.next_visit(gone, ended) - ended if again else np.inf
        return Turned(rows, minutes, left, away)

    def _note_taken(self, shown: Shown, decisions: Decisions) -> None:
        pages, watched = shown.look.pages, decisions.action == Action.WATCH
        count = watched.sum(axis=1)
        some = count > 0
        if some.any():
            times = np.repeat(pages.now[some], count[some])
            self._trails.append(pages.user_id[some], count[some], item=pages.item_id[watched], time=times)

    def _note_pages(self, shown: Shown, decisions: Decisions, call_id: Sequence[str]) -> None:
        pages = shown.look.pages
        columns: Columns = {
            "now": pages.now,
            "user_id": pages.user_id,
            "session_id": shown.look.session_id,
            "page": pages.page,
            "item_id": pages.item_id.astype(np.int32),
            "score": shown.score,
            "propensity": shown.propensity,
            "popularity_rank": shown.popularity_rank.astype(np.int32),
            "model_version": shown.model_version,
            "source": shown.source.astype(np.int8),
            "action": decisions.action,
            "rating": decisions.rating,
            "dwell": decisions.dwell,
            "decided_by": decisions.decided_by,
            "call_id": np.array(call_id, dtype="S32") if call_id else np.zeros(len(pages.now), dtype="S32"),
        }
        if self._able & {"like", "dislike"}:
            said = decisions.feedback
            columns["feedback"] = np.zeros(pages.item_id.shape, dtype=np.int8) if said is None else said
        self.record.add(PAGES, pages.now, pages.user_id, pages.decision, columns)

    def _note_call(self, model: str, prompt: Prompt, answer: Answer) -> None:
        """Record a question that a recommender asked while it made a page."""
        row = llm_call((model, prompt, answer), prompt.now, prompt.user_id, prompt.decision, answer.status)
        columns = {name: np.array([value]) for name, value in row._asdict().items()}
        self.record.add("llm_calls", columns["now"], columns["user_id"], columns["decision"], columns)

    # -- what becomes of it -----------------------------------------------------------------------

    def fold(
        self, user_id: Ints, now: Floats, item_id: Ints, action: Any, rating: Floats, feedback: Any = None
    ) -> None:
        """Take pages, in canonical order, into the platform's log, the public counts and what friends are told."""
        watched = action == Action.WATCH
        if not watched.any():
            return
        owner = np.repeat(np.arange(len(watched)), watched.sum(axis=1))
        items = item_id[watched].astype(np.int64)
        if self.social:
            said = None if feedback is None else feedback[watched]
            tips = self.social.spread(user_id[owner], items, rating[watched], now[owner], said)
            self.record.add("tips", tips["now"], tips["user_id"], tips["item_id"], tips)
        if self._learns:
            taken = (user_id[owner], items, rating[watched], now[owner])
            self._log.append(Interactions(*taken, np.ones(len(items), bool)))
        if self.scenario.platform.popularity == "live":
            self._popularity = self._popularity + np.bincount(items, minlength=len(self._popularity))
            self.version = replace(self.version, popularity=self._popularity)

    def _learning(self) -> Generator[simpy.Event, None, None]:
        """Refit at fixed intervals on everything logged before that moment, and update in between on what is new."""
        section = self.scenario.recommender
        every = [math.inf if e == "never" else e for e in (section.retrain, section.update)]
        while True:
            refit, update = (self._turns + 1) * every
            yield self.env.timeout(min(refit, update) - self.env.now)
            self._turns += [refit <= update, update <= refit]  # where both are due, the refit takes in everything
            if refit <= update:
                self._refit(self.env.now, self.version.recommender, self.version.number + 1)
            else:
                self._update(self.env.now, self.version.number + 1)

    def _refit(self, now: float, before: Recommender | None, number: int) -> None:
        """Fit on what was logged before now, and make the next version."""
        log = self._training_log(now)
        self._publish(now, number, self._fits.fit(number, log, before, self._progress))
        warm = before is not None and self._fits.continues
        row = Refit(now, number, self.scenario.recommender.kind, len(log), int(log.is_synthetic.sum()), warm)
        self.record.row("refits", now, PLATFORM, number, row)

    def _update(self, now: float, number: int) -> None:
        """Take in what was logged since the last refit or update, and make the next version."""
        log = self._training_log(now)
        events = log.take(log.is_synthetic & (log.time >= self._learned))
        self._publish(now, number, self._fits.update(number, events, self.version.recommender))
        row = Update(now, number, self.scenario.recommender.kind, len(events))
        self.record.row("updates", now, PLATFORM, number, row)

    def _publish(self, now: float, number: int, fitted: Recommender) -> None:
        self._learned = now
        self.version = Version(self._told(fitted), number, self._popularity, self._fits.key)

    def _told(self, fitted: Recommender) -> Recommender:
        """Tell an oracle what users want."""
        reveal(fitted, lambda: Minds(self.cast.behaviors, self.cast.member))
        return fitted

    def _training_log(self, now: float) -> Interactions:
        """Return what a refit may learn from, and forget what no later one will."""
        log = Interactions.concatenate(self._log)
        window = self.scenario.recommender.fit_window
        if window is not None:
            log = log.take(~log.is_synthetic | (log.time >= now - window))
        self._log = [log]
        return log.take(~log.is_synthetic | (log.time < now))

    # -- where it stands ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes, the recommender excepted, as arrays."""
        log = Interactions.concatenate(self._log)
        self._log = [log]
        return (
            {"now": np.array(self.env.now), "popularity": self._popularity}
            | {"turns": self._turns, "learned": np.array(self._learned)}
            | {"diagnostics": np.array(json.dumps(self.diagnostics))}
            | prefixed("log", {name: getattr(log, name) for name in Interactions.__annotations__})
            | prefixed("cohort", self.cohort.state())
            | prefixed("trails", self._trails.state())
            | prefixed("social", self.social.state() if self.social else {})
            | prefixed("record", self.record.state())
        )

    def load_state(self, state: State, version: Version) -> None:
        """Become the world that returned this state, when ``version`` was the one to be published next."""
        self._popularity = np.asarray(state["popularity"], dtype=np.float64)
        self._turns, self._learned = np.array(state["turns"]), float(state["learned"])
        self.diagnostics = Counter(json.loads(str(state["diagnostics"])))
        self._log = [Interactions(**under("log.", state))]  # type: ignore[arg-type]
        self.cohort.load_state(under("cohort.", state))
        self._trails.load_state(under("trails.", state))
        if self.social:
            self.social.load_state(under("social.", state))
        self.record.load_state(under("record.", state))
        self.version = replace(version, popularity=self._popularity)
        self._fits.key = version.fit
        self._start(float(state["now"]))

    def fitted(self, number: int, key: str) -> Recommender:
        """Return a recommender fitted before; raise InvalidInput where it is gone."""
        fitted = self._fits.again(number, key)
        if fitted is None:
            raise InvalidInput(f"{self._fits.folder}: refit {number} is missing; remove the folder to begin again")
        return self._told(fitted)

    # -- what was there at the start ------------------------------------------------------------------

    def _note_cast(self) -> None:
        """Record who plays, what is on offer, and what was known at time 0."""
        self._note("users", 0, _users(self.cast))
        catalog = self.cast.catalog
        items = {
            "item_id": np.arange(len(catalog)),
            "name": _text(catalog.names),
            "title": _text([item.title for item in catalog.items]),
            "genres": _text(["|".join(item.genres) for item in catalog.items]),
            "year": np.array([item.year or -1 for item in catalog.items], dtype=np.int64),
            "initial_count": self._popularity.astype(np.int64),
        }
        self._note("items", PLATFORM, items)
        known = self.cast.known
        columns = {name: getattr(known, name) for name in ("user_id", "item_id", "rating", "time")}
        self._note("history", PLATFORM, columns)
        if self.social:
            self._note("ties", PLATFORM, self.social.ties())

    def _note(self, table: str, who: int, columns: Columns) -> None:
        count = len(next(iter(columns.values())))
        self.record.add(table, np.zeros(count), np.full(count, who), np.arange(count), columns)


def _trails(cast: Cast) -> Ragged:
    """Return what the platform knows of each simulated user: what it took, oldest first."""
    n_users = len(cast.setting.personas)
    trails = Ragged(n_users, item=np.int32, time=np.float64)
    mine = cast.known.take(cast.known.user_id < n_users)
    rows, offsets = mine.by_user(n_users)
    users = np.flatnonzero(np.diff(offsets))
    trails.append(users, np.diff(offsets)[users], item=mine.item_id[rows], time=mine.time[rows])
    return trails


def _users(cast: Cast) -> Columns:
    """Return the columns of the ``users`` table; the narrative only of those to whom it is told."""
    personas = cast.setting.personas
    kinds = np.array([kind_of("behaviors", type(behavior)) for behavior in cast.behaviors], dtype=object)
    narratives = np.full(len(personas), "", dtype=object)
    for user in cast.talkers().tolist():
        narratives[user] = personas[user].narrative
    measured = ("activity", "conformity", "diversity", "mainstreaminess", "rating_mean", "rating_sd", "attention")
    return {
        "user_id": np.arange(len(personas)),
        "name": _text(personas.names()),
        "source": _text(personas.sources()),
        "behavior": kinds[cast.member],
        **{name: getattr(personas.traits, name) for name in measured},
        "narrative": narratives,
    }


def _text(words: Sequence[str]) -> Any:
    return np.array(words, dtype=object)
