"""The conformance kit: every rule of the recommender contract, checked on any recommender.

A rule is a function that returns None where it holds, and what went wrong where it does not.
"""

import copy
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from agents.schema import PAD, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, State, silent
from simulator.recommenders.planted import Planted, requests_of
from simulator.recommenders.popularity import Popularity
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer
from simulator.truth import reveal

K = 10
SECONDS = 60.0
"""Processor time all rules together may take."""
DISTINCT = 100
"""Different items that slates of many users must reach."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and whether it held; ``problem`` says what went wrong."""

    rule: str
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Return whether the rule held."""
        return not self.problem


@dataclass(frozen=True)
class Subject:
    """The recommender under test, fitted where a rule needs it so; ``make`` returns a fresh one."""

    make: Callable[[], Recommender]

    @cached_property
    def small(self) -> Planted:
        """Return the world of exact rules."""
        return Planted.shuffled(users=240, length=12)

    @cached_property
    def large(self) -> Planted:
        """Return the world of statistical rules."""
        return Planted.shuffled(users=2000, length=9)

    @cached_property
    def fitted(self) -> Recommender:
        """Return it fitted on the small world; rules leave it as it is."""
        return self.fit(self.small)

    @cached_property
    def again(self) -> tuple[Recommender, Interactions]:
        """Return it fitted once more, on a copy of the small world's log, and the copy."""
        log = copy.deepcopy(self.small.log)
        return self.fit(self.small, log), log

    @cached_property
    def wide(self) -> Recommender:
        """Return it fitted on the large world."""
        return self.fit(self.large)

    def fresh(self, world: Planted) -> Recommender:
        """Return a new one; where it declares to know what users want, it is told what was planted."""
        recommender = self.make()
        reveal(recommender, lambda: world)
        return recommender

    def fit(self, world: Planted, log: Interactions | None = None) -> Recommender:
        """Return a new one fitted on a world's log, or on another log of it, always with the same random numbers."""
        recommender = self.fresh(world)
        recommender.fit(world.log if log is None else log, world.catalog, rng=np.random.default_rng(1))
        return recommender

    @cached_property
    def some(self) -> Requests:
        """Return a batch of 70 requests with histories of many lengths, the empty one among them."""
        told = [row[: b % (len(row) + 1)] for b, row in enumerate(self.small.taken[:70])]
        return requests_of(told, told)


def conformance(make: Callable[[], Recommender], progress: Progress = silent) -> Iterator[Check]:
    """Yield one check per rule; an exception is a failed rule, so that one defect hides no other."""
    subject, start = Subject(make), time.process_time()
    for number, rule in enumerate(RULES):
        progress(number / len(RULES), rule.__name__)
        try:
            problem = rule(subject)
        except Exception as error:  # a stranger's recommender may raise anything
            problem = f"{type(error).__name__}: {error}"
        yield Check(rule.__name__, problem or "")
    spent = time.process_time() - start
    yield Check("time_budget", f"{spent:.0f} processor seconds, allowed {SECONDS:.0f}" if spent > SECONDS else "")


def batch_does_not_matter(subject: Subject) -> str | None:
    """A request's slate depends neither on who else is in the batch nor on its place in it."""
    whole = subject.fitted.recommend(subject.some, K)
    backwards = subject.fitted.recommend(picked(subject.some, np.arange(len(subject.some))[::-1]), K)
    if not same(whole, flipped(backwards)):
        return "the same requests in another order give other slates"
    alone = [subject.fitted.recommend(picked(subject.some, np.array([b])), K) for b in (0, 31, 32, 69)]
    if not all(same(rows(whole, np.array([b])), one) for b, one in zip((0, 31, 32, 69), alone, strict=True)):
        return "a request alone gives another slate than in a batch"
    return None


def nothing_is_mutated(subject: Subject) -> str | None:
    """``recommend`` changes neither requests nor state, ``fit`` not the log."""
    requests, before = copy.deepcopy(subject.some), copy.deepcopy(subject.fitted.state())
    first = subject.fitted.recommend(requests, K)
    if not all(np.array_equal(getattr(requests, f.name), getattr(subject.some, f.name)) for f in fields(Requests)):
        return "recommend changed the requests"
    if not equal_states(before, subject.fitted.state()) or not same(first, subject.fitted.recommend(requests, K)):
        return "recommend changed the recommender"
    _, log = subject.again
    columns = [f.name for f in fields(Interactions)]
    if not all(
        np.array_equal(getattr(log, c), getattr(subject.small.log, c), equal_nan=c == "rating") for c in columns
    ):
        return "fit changed the log"
    return None


def slates_are_well_formed(subject: Subject) -> str | None:
    """Items are known, different, not excluded, best first, and scores are there exactly where items are."""
    slates, n = subject.fitted.recommend(subject.some, K), len(subject.small.catalog)
    if slates.item_id.shape != (len(subject.some), K):
        return f"slates have shape {slates.item_id.shape}, not {(len(subject.some), K)}"
    for b, items in enumerate(slates.item_id):
        shown = items[items != PAD]
        barred = subject.some.exclude[subject.some.exclude_starts[b] : subject.some.exclude_starts[b + 1]]
        if np.isin(shown, barred).any():
            return f"excluded items appear: {shown[np.isin(shown, barred)].tolist()}"
        if ((shown < 0) | (shown >= n)).any() or len(np.unique(shown)) < len(shown):
            return f"unknown or repeated items appear: {shown.tolist()}"
        if (items[len(shown) :] != PAD).any():
            return f"padding comes before an item: {items.tolist()}"
    if not np.isnan(slates.score[slates.item_id == PAD]).all():
        return "padding has a score"
    first, then = slates.score[:, :-1], slates.score[:, 1:]
    return "a later item has a larger score" if (first < then).any() else None


def short_lists_are_counted(subject: Subject) -> str | None:
    """With three items allowed, at most three are shown, the rest is padding, and the short slates are counted."""
    told, n = [*subject.small.taken[:5]], len(subject.small.catalog)
    allowed, barred = np.arange(n - 3, n), np.arange(n - 3)
    slates = subject.fitted.recommend(requests_of(told, [barred] * 5), K)
    if not np.isin(slates.item_id, [PAD, *allowed]).all():
        return "items beyond the three allowed appear"
    if ((slates.item_id != PAD).sum(axis=1) > len(allowed)).any():
        return "a short list is filled by repetition"
    counted = slates.diagnostics.get("short_lists")
    return None if counted == 5 else f"diagnostics['short_lists'] is {counted}, not 5"


def unknown_ids_are_ignored(subject: Subject) -> str | None:
    """Histories and exclusions may name items that were unknown at the fit; they change nothing."""
    told, new = subject.small.taken[:5], np.array([len(subject.small.catalog) + 7])
    plain = subject.fitted.recommend(requests_of([*told], [*told]), K)
    ahead = [np.concatenate([new, row]) for row in told]
    strange = subject.fitted.recommend(requests_of(ahead, ahead), K)
    return None if same(plain, strange) else "an unknown item in a history or an exclusion changes the slate"


def cold_policy_is_kept(subject: Subject) -> str | None:
    """An empty history gets what the class declares: the most popular items, any, or what only the truth can say."""
    nobody = requests_of([np.zeros(0, dtype=np.int64)] * 40, [np.zeros(0, dtype=np.int64)] * 40)
    items = subject.fitted.recommend(nobody, K).item_id
    if (items == PAD).any():
        return "an empty history gets a short slate"
    if subject.fitted.cold == "uniform":
        return None if len(np.unique(items)) >= DISTINCT else "declared uniform, but few items are shown"
    if subject.fitted.cold == "personal":
        return None if subject.fitted.knows_truth else "declared personal, but an empty history says nothing of anyone"
    counts = subject.small.log.counts(len(subject.small.catalog))
    least = np.sort(counts)[-K]
    return None if (counts[items] >= least).all() else "declared popularity, but less popular items are shown"


def new_items_policy_is_kept(subject: Subject) -> str | None:
    """Items nobody has taken can be shown, or cannot, as the class declares."""
    log = subject.small.log
    untaken = np.unique(log.item_id)[:5]
    recommender = subject.fit(subject.small, log.take(~np.isin(log.item_id, untaken)))
    told = [row[~np.isin(row, untaken)] for row in subject.small.taken[:5]]
    others = np.setdiff1d(np.arange(len(subject.small.catalog)), untaken)
    shown = np.isin(recommender.recommend(requests_of(told, [others] * 5), K).item_id, untaken)
    if recommender.new_items == "invisible":
        return "declared invisible, but shown" if shown.any() else None
    return (
        None
        if (shown.sum(axis=1) == len(untaken)).all()
        else "declared scored, but not shown when nothing else is left"
    )


def nothing_to_learn_is_survived(subject: Subject) -> str | None:
    """An empty log can be fitted; slates then are well formed, if short."""
    recommender = subject.fit(subject.small, subject.small.log.take(np.zeros(0, dtype=np.intp)))
    items = recommender.recommend(subject.some, K).item_id
    known = (items >= PAD) & (items < len(subject.small.catalog))
    return None if known.all() else "unknown items appear"


def fit_is_deterministic(subject: Subject) -> str | None:
    """Two fits on the same log with the same random numbers give the same state, bit for bit."""
    again, _ = subject.again
    return None if equal_states(again.state(), subject.fitted.state()) else "two equal fits differ"


def state_round_trips(subject: Subject) -> str | None:
    """Saved as npz without pickle and loaded elsewhere, it recommends the same, bit for bit."""
    file = io.BytesIO()
    np.savez(file, **subject.fitted.state())  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        loaded = subject.fresh(subject.small)
        loaded.load_state(dict(stored))
    before, after = (one.recommend(subject.some, K) for one in (subject.fitted, loaded))
    return None if same(before, after) else "the loaded recommender gives other slates"


def warm_refit_goes_on(subject: Subject) -> str | None:
    """Where declared warm, a refit from a loaded state is deterministic and forgets nothing of note."""
    if not subject.fitted.warm:
        return None
    refits = []
    for _ in range(2):
        refits.append(subject.fresh(subject.small))
        refits[-1].load_state(copy.deepcopy(subject.fitted.state()))
        refits[-1].fit(subject.small.log, subject.small.catalog, rng=np.random.default_rng(2))
    if not equal_states(refits[0].state(), refits[1].state()):
        return "two equal refits differ"
    before, after = (
        subject.small.recall(r.recommend(subject.small.requests(), K)) for r in (subject.fitted, refits[0])
    )
    return None if after >= before - 0.1 else f"recall fell from {before:.2f} to {after:.2f}"


def popularity_is_beaten(subject: Subject) -> str | None:
    """It finds the planted tastes: recall well above popularity's, unless it is a reference."""
    if subject.wide.reference:
        return None
    popularity = Popularity()
    popularity.fit(subject.large.log, subject.large.catalog, rng=np.random.default_rng(1))
    requests = subject.large.requests()
    ours, theirs = (subject.large.recall(r.recommend(requests, K)) for r in (subject.wide, popularity))
    return None if ours > 1.5 * theirs else f"recall {ours:.3f} is not above 1.5 x popularity's {theirs:.3f}"


def order_matters(subject: Subject) -> str | None:
    """Where declared sequential, histories told backwards predict clearly worse what was planted in sequence."""
    if not subject.wide.sequential:
        return None
    forth, back = (
        subject.large.recall(subject.wide.recommend(subject.large.requests(backwards=b), 1)) for b in (False, True)
    )
    return None if forth > back + 0.05 else f"first-place recall is {forth:.3f} forwards and {back:.3f} backwards"


def numbering_tells_nothing(subject: Subject) -> str | None:
    """Numbering items by how often they are held out must not help."""
    leaking = subject.small.leaking()
    informed = subject.fit(leaking)
    with_leak, without = (
        world.recall(recommender.recommend(world.requests(), K))
        for world, recommender in ((leaking, informed), (subject.small, subject.fitted))
    )
    return None if with_leak <= without + 0.1 else f"recall rises from {without:.3f} to {with_leak:.3f}"


def slates_do_not_collapse(subject: Subject) -> str | None:
    """Many users are shown many items, and first places depend on the history, unless it is a reference."""
    if subject.wide.reference:
        return None
    items = subject.wide.recommend(subject.large.requests(), K).item_id
    distinct, first = len(np.unique(items[items != PAD])), len(np.unique(items[:, 0]))
    if distinct < DISTINCT:
        return f"{distinct} different items are shown to {len(items)} users, not {DISTINCT}"
    return None if first >= K else f"only {first} different items come first"


def codebook_is_used(subject: Subject) -> str | None:
    """Where items have semantic IDs (state entry ``codes``), each level uses at least 80 % of its codes."""
    tokenizer = getattr(subject.wide, "tokenizer", None)
    if not isinstance(tokenizer, Tokenizer):
        return None
    codes: Ints = subject.wide.state()["codes"].astype(np.int64)
    coded = codes[codes[:, 0] != NO_CODE]
    used = [len(np.unique(level)) / min(tokenizer.codes, len(coded)) for level in coded.T]
    return None if min(used) >= 0.8 else f"a level uses {min(used):.0%} of its codes"


RULES: tuple[Callable[[Subject], str | None], ...] = (
    batch_does_not_matter,
    nothing_is_mutated,
    slates_are_well_formed,
    short_lists_are_counted,
    unknown_ids_are_ignored,
    cold_policy_is_kept,
    new_items_policy_is_kept,
    nothing_to_learn_is_survived,
    fit_is_deterministic,
    state_round_trips,
    warm_refit_goes_on,
    popularity_is_beaten,
    order_matters,
    numbering_tells_nothing,
    slates_do_not_collapse,
    codebook_is_used,
)


def picked(requests: Requests, order: Ints) -> Requests:
    """Return the requests in another order, each with its own user id and seed."""
    parts = [requests.part(int(b), int(b) + 1) for b in order]
    batch = requests_of([p.history for p in parts], [p.exclude for p in parts])
    own = {
        name: np.concatenate([getattr(p, name) for p in parts]) for name in ("user_id", "now", "seed", "history_time")
    }
    return Requests(
        **own, history=batch.history, starts=batch.starts, exclude=batch.exclude, exclude_starts=batch.exclude_starts
    )


def rows(slates: Slates, chosen: Ints) -> Slates:
    """Return some rows of slates."""
    return Slates(slates.item_id[chosen], slates.score[chosen], slates.log_propensity[chosen])


def flipped(slates: Slates) -> Slates:
    """Return the rows from last to first."""
    return rows(slates, np.arange(len(slates.item_id))[::-1])


def same(one: Slates, other: Slates) -> bool:
    """Return whether items, scores and propensities are equal bit for bit."""
    return (
        np.array_equal(one.item_id, other.item_id)
        and np.array_equal(one.score, other.score, equal_nan=True)
        and np.array_equal(one.log_propensity, other.log_propensity, equal_nan=True)
    )


def equal_states(one: State, other: State) -> bool:
    """Return whether two states hold the same arrays bit for bit."""
    return one.keys() == other.keys() and all(
        np.asarray(one[name]).tobytes() == np.asarray(other[name]).tobytes() for name in one
    )
