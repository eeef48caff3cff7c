"""The platform under test: what it knows, what it shows, and when that changes."""

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import simpy

from agents.cohort import VISITS, Cohort, Look
from agents.errors import InvalidInput
from agents.llm.base import Answer, Prompt
from agents.needs import Needs
from agents.schema import PAD, Action, Bools, Decisions, ExitReason, Floats, Ints
from simulator.agenda import Agenda
from simulator.arrivals import Arrivals
from simulator.cast import Cast
from simulator.checkpoint import prefixed
from simulator.fits import Fits
from simulator.interventions.base import NEVER, Opinions
from simulator.learning import Learning
from simulator.log import Refit, Update, llm_call
from simulator.opening import PLATFORM, note_opening, released, trails_of
from simulator.recommenders.base import Progress, Recommender, Requests, State, silent, under
from simulator.record import PAGES, Columns, Record
from simulator.scenario import Scenario
from simulator.search import SearchIndex
from simulator.seeds import Streams
from simulator.social import Social
from simulator.truth import Minds, reveal
from simulator.window import Version


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
    recommender: Any = None
    """(B,) kinds of the recommenders of these versions; None where there is only one"""


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
        self.cohort = Cohort(cast.setting, watches=any(behavior.asks_watches for behavior in cast.behaviors))
        self._able = cast.setting.choices.able
        self._agenda = Agenda(
            scenario, cast.catalog, cast.setting.popularity, len(cast.setting.personas), cast.dataset.scale
        )
        known = released(cast.known, self._agenda.unreleased)
        self._popularity = np.where(self._agenda.unreleased, 0.0, cast.setting.popularity)
        self._trails = trails_of(known, len(cast.setting.personas))
        self._arrivals = Arrivals.of(cast.catalog)
        self._needs = Needs.of(cast.setting)
        self._search = SearchIndex(cast.catalog, self._popularity)
        self.social = Social(scenario.social, cast.setting, self.streams) if scenario.social else None
        note_opening(self.record, cast, known, self._popularity, self.social)
        self.diagnostics: Counter[str] = Counter()
        """What recommenders counted while they made slates."""
        self._learning = Learning(scenario.recommender, fits, known, self._agenda.terms.timetable, progress)
        self.version: Version
        """What the next commit publishes."""
        fits.overheard(self._note_call)
        self._publish(*self._learning.refit(0.0, None, 0))
        self._start(0.0)

    def _start(self, now: float) -> None:
        """Let the platform's own clock run from a moment on."""
        self.env = simpy.Environment(initial_time=now)
        if self._learns:
            self.env.process(self._developing())

    @property
    def _learns(self) -> bool:
        """Tell whether what users do is ever taken in."""
        section = self.scenario.recommender
        return section.retrain != "never" or section.update != "never" or bool(self._agenda)

    # -- a page, for many users at once -------------------------------------------------------------

    def show(self, rows: Ints, now: Floats, versions: Sequence[Version], which: Ints) -> Shown:
        """Open a page for each of these users, made by ``versions[which]``."""
        self.cohort.turn_page(rows, now)
        searching = self._searching(rows) & np.array([version.open for version in versions])[which]
        number = np.array([version.number for version in versions], dtype=np.int64)[which]
        item_id, score, propensity = self._slates(rows, now, versions, np.where(searching, PAD, which))
        if searching.any():
            found = self._found(rows[searching], now[searching], versions, which[searching])
            item_id[searching], score[searching] = found
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
        kind = np.array([version.spec["kind"] for version in versions])[which] if self._agenda else None
        return Shown(look, score, propensity, rank, number, searching.astype(np.int64), until, kind)

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

    def _slates(self, rows: Ints, now: Floats, versions: Sequence[Version], which: Ints) -> tuple[Ints, Floats, Floats]:
        """Return items, scores and propensities by ``versions[which]``; nothing where PAD stands."""
        size = self.scenario.recommender.slate_size
        item_id = np.full((len(rows), size), PAD, dtype=np.int64)
        score, propensity = np.full(item_id.shape, np.nan), np.full(item_id.shape, np.nan)
        offers = [version.offer for version in versions]
        for offer in dict.fromkeys(offers):  # versions that differ only in public counts are asked at once
            alike = [place for place, other in enumerate(offers) if other == offer]
            version, mine = versions[alike[-1]], np.flatnonzero(np.isin(which, alike))
            if not len(mine) or not version.open:
                continue
            slates = version.recommender.recommend(self._requests(rows[mine], now[mine], versions, which[mine]), size)
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

    def _found(self, rows: Ints, now: Floats, versions: Sequence[Version], which: Ints) -> tuple[Ints, Floats]:
        """Return what the search finds for what these users are in the mood for, and log what they asked."""
        size = self.scenario.recommender.slate_size
        visits, requests = self.cohort.visits[rows], self._requests(rows, now, versions, which)
        moved = self.cohort.drift.at(rows, now) if self.cohort.drift else None
        mood = self._needs.mood(rows, visits, moved)
        found = self._search.results_of(self._needs.genres, mood, requests, size)
        query = np.array(self._needs.genres)[mood]
        asked = {"now": now, "user_id": rows, "session_id": rows * VISITS + visits, "query": query}
        self.record.add("searches", now, rows, visits, asked)
        return found

    def _requests(self, rows: Ints, now: Floats, versions: Sequence[Version], which: Ints) -> Requests:
        _, place = self._trails.find(rows)
        history = self._trails.columns["item"][place].astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(self._trails.size[rows])])
        hide = self.scenario.recommender.exclude_seen
        requests = Requests(
            user_id=rows,
            now=now,
            history=history,
            history_time=self._trails.columns["time"][place],
            starts=starts,
            exclude=history if hide else np.empty(0, dtype=np.int64),
            exclude_starts=starts if hide else np.zeros_like(starts),
            seed=self.streams.words("request", rows, self.cohort.decisions[rows]),
        )
        if self._arrivals:
            requests = requests.excluding(*self._arrivals.absent(now))
        withheld = [version.withheld for version in versions]
        return requests.barring(withheld, which) if any(map(len, withheld)) else requests

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
        if self._agenda:
            let_in = np.where(pages.item_id == PAD, 0.0, self._agenda.released[pages.item_id])
            columns |= {"recommender": shown.recommender, "released": let_in}
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
        if self._agenda:
            self._agenda.see(now, item_id)
        watched = action == Action.WATCH
        if not watched.any():
            return
        owner = np.repeat(np.arange(len(watched)), watched.sum(axis=1))
        items = item_id[watched].astype(np.int64)
        if self.social:
            said = None if feedback is None else feedback[watched]
            tips = self.social.spread(user_id[owner], items, rating[watched], now[owner], said)
            self.record.add("tips", tips["now"], tips["user_id"], tips["item_id"], tips)
        self._take(user_id[owner], items, rating[watched], now[owner])

    def _take(self, user_id: Ints, item_id: Ints, rating: Floats, now: Floats) -> None:
        """Take interactions into the log, and into the public counts where these grow."""
        if self._learns:
            self._learning.take(user_id, item_id, rating, now)
        if self.scenario.platform.popularity == "live":
            self._popularity = self._popularity + np.bincount(item_id, minlength=len(self._popularity))
            self.version = replace(self.version, popularity=self._popularity)

    def _developing(self) -> Generator[simpy.Event, None, None]:
        """Refit at fixed intervals on everything logged before, update in between, let interventions act."""
        while True:
            refit, update = self._learning.due()
            moment = min(refit, update, self._agenda.next)
            if moment == NEVER:
                return
            yield self.env.timeout(moment - self.env.now)
            self._learning.turn(refit=refit == moment, update=update == moment)
            self._intervene(moment)
            self._learn(self.env.now, refit=refit == moment, update=update == moment)

    def _intervene(self, moment: float) -> None:
        """Let interventions act whose time has come."""
        for number, acts, deed in self._agenda.turn(moment, self._popularity):
            for act in acts:
                self.record.row("interventions", act.now, PLATFORM, number, act)
            if deed.opinions:
                self._voice(moment, deed.opinions)
        if self._agenda:
            withheld, terms = self._agenda.withheld, self._agenda.terms
            self.version = replace(self.version, withheld=withheld, open=terms.open)
            self._learning.reschedule(moment, terms.timetable)

    def _voice(self, now: float, opinions: Opinions) -> None:
        """Let users hear of items, or the platform take ratings for theirs."""
        user_id, item_id, moment = opinions.user_id, opinions.item_id, np.full(len(opinions.user_id), now)
        if opinions.rating is not None:
            self._take(user_id, item_id, opinions.rating, moment)
        elif self.social:
            tips = self.social.whisper(user_id, item_id, moment)
            self.record.add("tips", tips["now"], tips["user_id"], tips["item_id"], tips)

    def _learn(self, now: float, *, refit: bool, update: bool) -> None:
        """Make the next version where that is due, or where the recommender has become another one."""
        fits, spec, number = self._learning.fits, self._agenda.terms.recommender, self.version.number + 1
        changed, kept = spec != fits.spec, fits.keeps(spec)
        if changed:
            fits.use(spec)
            self._learning.check()
        if refit or not kept:
            self._publish(*self._learning.refit(now, self.version.recommender if kept else None, number))
            return
        if changed:
            self._publish(*self._learning.relever(now, self.version.recommender, number))
        if update:
            number = self.version.number + 1
            self._publish(*self._learning.update(now, self.version.recommender, number))

    def _publish(self, fitted: Recommender, row: Refit | Update) -> None:
        """Serve with another recommender from the next commit on."""
        fits, terms = self._learning.fits, self._agenda.terms
        withheld, told = self._agenda.withheld, self._told(fitted)
        self.version = Version(
            told, row.model_version, self._popularity, fits.key, spec=fits.spec, withheld=withheld, open=terms.open
        )
        self.record.row("refits" if isinstance(row, Refit) else "updates", row.now, PLATFORM, row.model_version, row)

    def _told(self, fitted: Recommender) -> Recommender:
        """Tell an oracle what users want."""
        reveal(fitted, lambda: Minds(self.cast.behaviors, self.cast.member))
        return fitted

    # -- where it stands ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes, the recommender excepted, as arrays."""
        return (
            {"now": np.array(self.env.now), "popularity": self._popularity}
            | {"diagnostics": np.array(json.dumps(self.diagnostics))}
            | prefixed("learning", self._learning.state())
            | prefixed("agenda", self._agenda.state())
            | prefixed("cohort", self.cohort.state())
            | prefixed("trails", self._trails.state())
            | prefixed("social", self.social.state() if self.social else {})
            | prefixed("record", self.record.state())
        )

    def load_state(self, state: State, version: Version) -> None:
        """Become the world that returned this state, when ``version`` was the one to be published next."""
        self._popularity = np.asarray(state["popularity"], dtype=np.float64)
        self.diagnostics = Counter(json.loads(str(state["diagnostics"])))
        self._learning.load_state(under("learning.", state))
        self._agenda.load_state(under("agenda.", state))
        self.cohort.load_state(under("cohort.", state))
        self._trails.load_state(under("trails.", state))
        if self.social:
            self.social.load_state(under("social.", state))
        self.record.load_state(under("record.", state))
        self.version = replace(version, popularity=self._popularity)
        self._learning.fits.use(version.spec)
        self._learning.fits.key = version.fit
        self._start(float(state["now"]))

    def fitted(self, spec: Mapping[str, Any], number: int, key: str) -> Recommender:
        """Return a recommender fitted before; raise InvalidInput where it is gone."""
        fits = self._learning.fits
        fits.use(spec)
        fitted = fits.again(number, key)
        if fitted is None:
            raise InvalidInput(f"{fits.folder}: refit {number} is missing; remove the folder to begin again")
        return self._told(fitted)
