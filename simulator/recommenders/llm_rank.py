"""A language model that puts another recommender's candidates in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.asking.likelihood import GROUP
from agents.asking.scored import flaw
from agents.errors import InvalidInput
from agents.llm.base import Kind
from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders import ballots
from simulator.recommenders.ballots import Ballot, Way
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, State, diagnostics, silent, under
from simulator.recommenders.talking import Load, Talking, read, written
from simulator.seeds import Streams

ORDERS = Streams(0)
"""Where a ballot lists which candidate, keyed by the request's own seed."""
WAYS: dict[Way, Callable[..., Ballot]] = {
    "structured": ballots.structured,
    "likelihood": ballots.titles,
    "labels": ballots.labels,
}
"""In the order that auto prefers."""
LETTERS = 26


@dataclass
class LlmRank(Talking):
    """Let a language model order candidates by the history, listed by number and shuffled (arXiv:2305.08845).

    Each request is asked about several times, in other orders by its seed, and ranks are averaged: no place of
    the list wins by being that place. Where no answer is usable the candidates keep their order, and are counted.

    inner: the recommender whose candidates are ordered; what it shows beyond them follows as it stands.
    candidates: items that are put in order; labels can name 26.
    rounds: questions per request; likelihood, which lists nothing, asks once.
    ask: structured asks for JSON, labels for one letter, likelihood how much likelier the history makes each title;
    auto takes the first of structured, likelihood, labels that the model can answer.
    history: newest entries of a history that are told; without any nothing is asked.
    model: name of the entry of the scenario's llm section that is asked.
    """

    warm: ClassVar[bool] = True  # what cannot continue from a state fits afresh, as it always does

    inner: Recommender
    candidates: Annotated[int, Field(ge=2, le=100)] = 20
    rounds: Annotated[int, Field(ge=1, le=20)] = 3
    ask: Literal["auto", "structured", "labels", "likelihood"] = "auto"
    history: Annotated[int, Field(ge=1)] = 10
    _way: Way = field(init=False, repr=False, compare=False, default="structured")

    def __post_init__(self) -> None:
        if self.ask == "labels" and self.candidates > LETTERS:
            raise InvalidInput(f"candidates: {self.candidates} are more than the {LETTERS} letters of ask: labels")

    def settle(self, kinds: frozenset[Kind]) -> None:
        """Take the way that is named, or the first that the model can answer."""
        able = [way for way in WAYS if way in kinds and (way != "labels" or self.candidates <= LETTERS)]
        if not able or (self.ask != "auto" and self.ask not in able):
            raise InvalidInput(f"ask: {self.ask}, but llm {self.model!r} answers {', '.join(sorted(kinds))}")
        self._way = able[0] if self.ask == "auto" else self.ask

    def load(self, size: int) -> Load:
        """Return what all rounds take; likelihoods are read off, not answered."""
        likely = self.ask == "likelihood"
        return Load(1 if likely else self.rounds, self.candidates + self.history, 0 if likely else self.candidates)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Fit the inner recommender and remember the titles."""
        self._items = catalog.items
        self.inner.fit(log, catalog, rng=rng, progress=progress)

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return the inner slates with their first ``candidates`` by mean rank, ties as they stood."""
        offered = self.inner.recommend(requests, max(k, self.candidates)).item_id
        cast = [ballot for row in range(len(requests)) for ballot in self._ballots(requests, offered, row)]
        ranks = self._ranks(cast)
        standing = np.tile(np.arange(1.0, offered.shape[1] + 1), (len(requests), 1))
        unheard = 0
        for row, votes in _by_row(cast, ranks).items():
            if votes:
                standing[row, : len(votes[0])] = np.mean(votes, axis=0)
            else:
                unheard += 1
        standing[offered == PAD] = np.inf
        order = np.argsort(standing, axis=1, kind="stable")[:, :k]
        items = np.take_along_axis(offered, order, axis=1)
        score = np.where(items == PAD, np.nan, -np.take_along_axis(standing, order, axis=1))
        useless = sum(found is None for found in ranks)
        counts = {"questions": len(cast), "unusable_answers": useless, "left_as_they_stood": unheard}
        told = diagnostics(items) | {name: float(count) for name, count in counts.items()}
        return Slates(items, score, np.full_like(score, np.nan), told)

    def _ballots(self, requests: Requests, offered: Ints, row: int) -> Iterator[Ballot]:
        """Yield the questions about one request, each with an order of its own."""
        shown = offered[row, : self.candidates]
        shown, told = shown[shown != PAD], self.told(requests, row, self.history)
        if len(shown) < 2 or not len(told):
            return
        history = self.titles(told) if self._way == "likelihood" else self.lines(told)
        seed, rounds = requests.seed[row].astype(np.int64), np.arange(1 if self._way == "likelihood" else self.rounds)
        draws = ORDERS.uniform("ballot", seed, rounds[:, None], np.arange(len(shown)))
        user, now = int(requests.user_id[row]), float(requests.now[row])
        for order in np.argsort(draws, axis=1, kind="stable"):
            items = tuple([self._items[item] for item in shown[order].tolist()])
            yield WAYS[self._way](row, order, items, history, user, now)

    def _ranks(self, cast: Sequence[Ballot]) -> list[Floats | None]:
        """Ask all ballots at once and return the ranks each gives its candidates, None where it gives none."""
        nobody = self._nobody(cast) if self._way == "likelihood" else {}
        answers = self.asked([ballot.prompt for ballot in cast])
        return [ballots.ranks(ballot, answer, nobody) for ballot, answer in zip(cast, answers, strict=True)]

    def _nobody(self, cast: Sequence[Ballot]) -> dict[int, float]:
        """Return the log-probability of each title after no history, by item id; all requests share the answers."""
        groups = sorted({item.item_id // GROUP for ballot in cast for item in ballot.items})
        known: dict[int, float] = {}
        now = min((ballot.prompt.now for ballot in cast), default=0.0)
        answers = self.asked([ballots.for_nobody(group, self._items, now) for group in groups])
        for group, answer in zip(groups, answers, strict=True):
            neighbors = range(group * GROUP, min((group + 1) * GROUP, len(self._items)))
            if flaw(answer, len(neighbors)) == "ok":
                known |= zip(neighbors, answer.logprobs, strict=True)
        return known

    def update(self, events: Interactions) -> None:
        """Pass the events on."""
        self.inner.update(events)

    def state(self) -> State:
        """Return the titles, and the inner state under its prefix."""
        return {"items": written(self._items), **{f"inner.{name}": v for name, v in self.inner.state().items()}}

    def load_state(self, state: State) -> None:
        """Take over the titles, and hand on the inner state."""
        self._items = read(state["items"])
        self.inner.load_state(under("inner.", state))


def _by_row(cast: Sequence[Ballot], ranks: Sequence[Floats | None]) -> dict[int, list[Floats]]:
    """Return the usable ranks of each request that was asked about."""
    votes: dict[int, list[Floats]] = {ballot.row: [] for ballot in cast}
    for ballot, found in zip(cast, ranks, strict=True):
        if found is not None:
            votes[ballot.row].append(found)
    return votes
