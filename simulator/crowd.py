"""Users as the platform meets them: what they are shown, and how they live with what they decide."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.cohort import VISITS, Cohort, Look
from agents.needs import Needs
from agents.schema import PAD, Action, Bools, Decisions, ExitReason, Floats, Ints
from simulator.arrivals import Arrivals
from simulator.cast import Cast
from simulator.checkpoint import prefixed
from simulator.opening import Opening, trails_of
from simulator.recommenders.base import Requests, State, under
from simulator.record import PAGES, Columns, Record
from simulator.scenario import Scenario
from simulator.search import SearchIndex
from simulator.seeds import Streams
from simulator.social import Social
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
    """(B,) kinds of the recommenders of these versions; None where no intervention can change it"""
    released: Floats | None = None
    """When items were let in; None where no intervention lets any in"""


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


class Crowd:
    """Users ``mine`` (from, to) of a scenario, and what the platform keeps of each.

    Of what is shared they read ``Version`` objects and what friends told, both made by the platform
    (``world.py``). Everything comes and goes in batches, rows independent of each other.
    """

    def __init__(
        self, scenario: Scenario, cast: Cast, opening: Opening, social: Social | None, record: Record, mine: range
    ) -> None:
        self.scenario = scenario
        self.cast = cast
        self.social = social
        self.record = record
        self.mine = mine
        self.cohort = Cohort(cast.setting, mine, watches=any(behavior.asks_watches for behavior in cast.behaviors))
        self.diagnostics: Counter[str] = Counter()
        """What recommenders counted while they made slates."""
        self._streams = Streams(scenario.seed)
        self._able = cast.setting.choices.able
        self._trails = trails_of(opening.known, mine)
        self._arrivals = Arrivals.of(cast.catalog)
        self._needs = Needs.of(cast.setting)
        self._search = SearchIndex(cast.catalog, opening.popularity)

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
        released = np.zeros(item_id.shape) if self.scenario.interventions else None
        for place, version in enumerate(versions):
            mine = which == place if len(versions) > 1 else slice(None)
            popularity[mine] = version.popularity[item_id[mine]]
            rank[mine] = version.popularity_rank[item_id[mine]]
            if released is not None:
                released[mine] = np.where(item_id[mine] == PAD, 0.0, version.released[item_id[mine]])
        told = until = None
        if self.social:
            until = np.array([version.until for version in versions])[which]
            told = self.social.told(rows, item_id, until)
        look = self.cohort.look(rows, now, item_id, popularity, told)
        kind = None if released is None else np.array([version.spec["kind"] for version in versions])[which]
        return Shown(look, score, propensity, rank, number, searching.astype(np.int64), until, kind, released)

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
        here = self.cohort.here(rows)
        draw = self._streams.uniform("search", rows, self.cohort.visits[here])
        return np.asarray((self.cohort.page[here] == 1) & (draw < share))

    def _found(self, rows: Ints, now: Floats, versions: Sequence[Version], which: Ints) -> tuple[Ints, Floats]:
        """Return what the search finds for what these users are in the mood for, and log what they asked."""
        size = self.scenario.recommender.slate_size
        visits, requests = self.cohort.visits[self.cohort.here(rows)], self._requests(rows, now, versions, which)
        moved = self.cohort.drift.at(rows, now) if self.cohort.drift else None
        mood = self._needs.mood(rows, visits, moved)
        found = self._search.results_of(self._needs.genres, mood, requests, size)
        query = np.array(self._needs.genres)[mood]
        asked = {"now": now, "user_id": rows, "session_id": rows * VISITS + visits, "query": query}
        self.record.add("searches", now, rows, visits, asked)
        return found

    def _requests(self, rows: Ints, now: Floats, versions: Sequence[Version], which: Ints) -> Requests:
        here = self.cohort.here(rows)
        _, place = self._trails.find(here)
        history = self._trails.columns["item"][place].astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(self._trails.size[here])])
        hide = self.scenario.recommender.exclude_seen
        requests = Requests(
            user_id=rows,
            now=now,
            history=history,
            history_time=self._trails.columns["time"][place],
            starts=starts,
            exclude=history if hide else np.empty(0, dtype=np.int64),
            exclude_starts=starts if hide else np.zeros_like(starts),
            seed=self._streams.words("request", rows, self.cohort.decisions[here]),
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
            here = self.cohort.here(gone)
            visits: Columns = {
                "session_id": shown.look.session_id[left],
                "user_id": gone,
                "start": shown.look.began[left],
                "end": ended,
                "pages": pages.page[left],
                "exit_reason": reason[left],
                "satisfaction": self.cohort.satisfaction[here],
                "fatigue": self.cohort.fatigue[here],
                "trust": self.cohort.trust[here],
            }
            self.record.add("sessions", ended, gone, self.cohort.visits[here], visits)
            if self.cohort.drift:
                moved: Columns = {name: visits[name] for name in ("user_id", "session_id")} | {"now": ended}
                moved["distance"] = self.cohort.drift.distance(gone, ended)
                self.record.add("drift", ended, gone, self.cohort.visits[here], moved)
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
            self._trails.append(
                self.cohort.here(pages.user_id[some]), count[some], item=pages.item_id[watched], time=times
            )

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
        if shown.released is not None:
            columns |= {"recommender": shown.recommender, "released": shown.released}
        self.record.add(PAGES, pages.now, pages.user_id, pages.decision, columns)

    # -- where it stands ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes in these users, as arrays."""
        return (
            {"diagnostics": np.array(json.dumps(self.diagnostics))}
            | prefixed("cohort", self.cohort.state())
            | prefixed("trails", self._trails.state())
        )

    def load_state(self, state: State) -> None:
        """Become the crowd that returned this state."""
        self.diagnostics = Counter(json.loads(str(state["diagnostics"])))
        self.cohort.load_state(under("cohort.", state))
        self._trails.load_state(under("trails.", state))
