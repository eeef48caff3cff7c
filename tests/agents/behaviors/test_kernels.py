"""What holds for every behavior that decides without a language model."""

from itertools import pairwise

import numpy as np
import pytest

from agents.behaviors.affinity import Affinity
from agents.behaviors.base import Behavior
from agents.behaviors.calibrated import Calibrated
from agents.behaviors.cascade import Cascade
from agents.behaviors.mixed import Mixed
from agents.behaviors.uniform import Uniform
from agents.pages import take
from agents.schema import PAD, Action, Choices, Decisions, ExitReason, Pages
from tests.agents.worlds import pages, setting
from tests.benchmarks.behaviors import measure

WORLD = setting()
KINDS = {
    "uniform": Uniform,
    "cascade": Cascade,
    "affinity": Affinity,
    "calibrated": Calibrated,
    "mixed": lambda: Mixed((Cascade(share=0.5), Affinity(share=0.5))),
}


@pytest.fixture(scope="module", params=KINDS)
def behavior(request: pytest.FixtureRequest) -> Behavior:
    made: Behavior = KINDS[request.param]()
    made.prepare(WORLD)
    return made


def assert_same(left: Decisions, right: Decisions) -> None:
    for name in Decisions.__slots__:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def test_rows_do_not_depend_on_order(behavior: Behavior) -> None:
    batch = pages(WORLD, 200)
    order = np.random.default_rng(0).permutation(200)
    whole = behavior.respond(batch)
    assert_same(behavior.respond(take(batch, order)), take(whole, order))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_rows_do_not_depend_on_the_batch(behavior: Behavior, size: int) -> None:
    batch = pages(WORLD, 130)
    whole = behavior.respond(batch)
    for start in range(0, 130, size):
        rows = np.arange(start, min(start + size, 130))
        part = behavior.respond(take(batch, rows))
        assert_same(part, take(whole, rows))


def test_rows_do_not_depend_on_the_batch_where_it_is_large(behavior: Behavior) -> None:
    batch = pages(WORLD, 1500)
    whole = behavior.respond(batch)
    edges = [0, 1, 500, 507, 1499, 1500]
    for start, stop in pairwise(edges):
        rows = np.arange(start, stop)
        part = behavior.respond(take(batch, rows))
        assert_same(part, take(whole, rows))


def test_no_pages_and_pages_with_nothing_on_them_are_answered(behavior: Behavior) -> None:
    batch = pages(WORLD, 5)
    none = behavior.respond(take(batch, np.arange(0)))
    assert none.action.shape == (0, 10)
    assert none.exit_reason.shape == (0,)
    batch.item_id[:] = PAD
    empty = behavior.respond(batch)
    assert np.all(empty.action == Action.UNSEEN)
    assert ExitReason.STAYED not in empty.exit_reason


def test_padding_changes_nothing_and_is_never_read(behavior: Behavior) -> None:
    batch = pages(WORLD, 60)
    padded = Pages(
        **{name: getattr(batch, name) for name in Pages.__slots__ if np.ndim(getattr(batch, name)) == 1},
        item_id=np.pad(batch.item_id, ((0, 0), (0, 3)), constant_values=PAD),
        popularity=np.pad(batch.popularity, ((0, 0), (0, 3))),
        exposures=np.pad(batch.exposures, ((0, 0), (0, 3))),
    )
    narrow, wide = behavior.respond(batch), behavior.respond(padded)
    for name in ("action", "rating", "dwell"):
        np.testing.assert_array_equal(getattr(wide, name)[:, :10], getattr(narrow, name))
    np.testing.assert_array_equal(wide.exit_reason, narrow.exit_reason)
    assert np.all(wide.action[:, 10:] == Action.UNSEEN)
    assert np.all(wide.dwell[:, 10:] == 0)


def test_outcomes_are_consistent(behavior: Behavior) -> None:
    result = behavior.respond(pages(WORLD, 400))
    watched = result.action == Action.WATCH
    assert watched.any()
    assert np.all(np.isin(result.rating[watched], [1, 2, 3, 4, 5]))
    assert np.all(np.isnan(result.rating[~watched]))
    assert np.all((result.dwell > 0) == (result.action != Action.UNSEEN))
    np.testing.assert_array_equal(result.dwell * 1024, np.rint(result.dwell * 1024))
    unseen = result.action == Action.UNSEEN
    assert np.all(unseen[:, 1:] >= unseen[:, :-1]), "reading stops once"


def test_short_list_ends_the_visit(behavior: Behavior) -> None:
    batch = pages(WORLD, 100, width=4)
    reasons = set(behavior.respond(batch).exit_reason.tolist())
    assert ExitReason.STAYED not in reasons
    assert ExitReason.END_OF_LIST in reasons


def test_repeated_exposure_lowers_watching(behavior: Behavior) -> None:
    batch = pages(setting(choices=Choices(eta=0.5)), 2000)
    rates = []
    for times in (0, 3):
        shown = Pages(
            **{n: getattr(batch, n) for n in Pages.__slots__ if n != "exposures"},
            exposures=np.full_like(batch.exposures, times),
        )
        rates.append((behavior.respond(shown).action == Action.WATCH).mean())
    assert rates[1] < 0.75 * rates[0]


def test_the_benchmark_measures_every_rule() -> None:
    figures = measure(lambda _: None, users=50, batches=(1, 7), world="tiny", calls=1)
    assert [row["behavior"] for row in figures["rows"]] == ["uniform", "cascade", "affinity", "calibrated"]
    assert all(row["us_per_page_at_1"] > 0 and row["us_per_page_at_7"] > 0 for row in figures["rows"])
