import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.cohort import Cohort, Exposures
from agents.pages import take
from agents.ragged import Ragged
from agents.schema import PAD, Action, Decisions
from tests.agents.worlds import setting

WORLD = setting()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 7)), max_size=40))
def test_lists_in_a_pool_are_lists(batches: list[tuple[int, int]]) -> None:
    pool, plain = Ragged(5, value=np.int64), [[] for _ in range(5)]
    for number, (row, count) in enumerate(batches):
        values = list(range(100 * number, 100 * number + count))
        pool.append(np.array([row]), np.array([count]), value=values)
        plain[row] += values
    rows = np.array([3, 0, 4, 1, 2])
    owner, place = pool.find(rows)
    found = [pool.columns["value"][place[owner == i]].tolist() for i in range(5)]
    assert found == [plain[row] for row in rows]
    again = Ragged(5, value=np.int64)
    again.load_state(pool.state())
    again.append(np.array([2]), np.array([1]), value=[-1])
    assert again.columns["value"][again.at(np.array([2]), again.size[[2]] - 1)] == [-1]


def test_exposures_count_what_was_read() -> None:
    exposures = Exposures(3, 50)
    rng = np.random.default_rng(1)
    counts = np.zeros((3, 50), dtype=int)
    for _ in range(60):
        rows = rng.permutation(3)[: rng.integers(1, 4)]
        items = np.stack([rng.permutation(50)[:6] for _ in rows])
        items[0, 5] = PAD
        times, index = exposures.look(rows, items)
        np.testing.assert_array_equal(times, np.where(items == PAD, 0, counts[rows[:, None], items]))
        read = (rng.random(items.shape) < 0.5) & (items != PAD)
        exposures.add(rows, items, index, read, read)
        for row, item in zip(np.repeat(rows, read.sum(axis=1)), items[read], strict=True):
            counts[row, item] += 1
    again = Exposures(3, 50)
    again.load_state(exposures.state())
    everyone, items = np.arange(3), np.tile(np.arange(50), (3, 1))
    np.testing.assert_array_equal(again.look(everyone, items)[0], counts)


def page_turned(cohort: Cohort, rows: np.ndarray, now: np.ndarray, recommended: np.ndarray | bool = True) -> None:
    """Show three items, of which the first is watched and rated 5, the second read."""
    cohort.turn_page(rows, now)
    look = cohort.look(rows, now, np.tile(np.arange(3), (len(rows), 1)), np.ones((len(rows), 3)))
    one = np.array([[Action.WATCH, Action.SKIP, Action.UNSEEN]], dtype=np.int8)
    decisions = Decisions(
        one, np.array([[5.0, np.nan, np.nan]]), np.array([[20.0, 0.125, 0.0]]), np.zeros(1), np.zeros(1)
    )
    cohort.live(look, take(decisions, np.zeros(len(rows), dtype=np.int64)), recommended)


def test_experience_changes_what_the_next_page_finds() -> None:
    cohort, rows = Cohort(WORLD), np.array([2, 0])
    page_turned(cohort, rows, np.array([60.0, 61.0]))
    before = cohort.fatigue[rows].copy()
    assert (before > 0).all()
    assert (cohort.satisfaction[rows] > 0.5).all()
    trust = cohort.trust[rows].copy()
    assert (trust > 0.5).all()
    assert cohort.last[rows].tolist() == [80.125, 81.125]
    assert cohort.decisions.tolist()[:3] == [1, 0, 1]
    times, _ = cohort.exposures.look(rows, np.array([[0, 1, 2], [2, 1, 0]]))
    assert times.tolist() == [[1, 1, 0], [0, 1, 1]]
    cohort.leave(rows)
    cohort.turn_page(rows, np.array([3000.0, 3000.0]))
    assert (cohort.fatigue[rows] < before).all()
    assert ((cohort.trust[rows] < trust) & (cohort.trust[rows] > 0.5)).all()
    assert cohort.visits[rows].tolist() == [2, 2]


def test_visits_are_keyed_by_user_and_count() -> None:
    cohort, rows = Cohort(WORLD), np.arange(12)
    moments = cohort.next_visit(rows, 0.0)
    np.testing.assert_array_equal(moments[[4]], Cohort(WORLD).next_visit(np.array([4]), 0.0))
    assert (moments > 0).all()
    np.testing.assert_array_equal(moments * 1024, np.rint(moments * 1024))
    cohort.turn_page(np.array([4]), moments[[4]])
    assert cohort.next_visit(np.array([4]), moments[4]) != moments[4]


def test_a_cohort_is_its_state() -> None:
    cohort, rows = Cohort(WORLD), np.arange(12)
    page_turned(cohort, rows, np.full(12, 60.0))
    again = Cohort(WORLD)
    again.load_state(cohort.state())
    for each in (cohort, again):
        page_turned(each, rows, np.full(12, 90.0))
    for name, column in cohort.state().items():
        np.testing.assert_array_equal(column, again.state()[name], err_msg=name)


def test_what_a_search_found_leaves_trust_in_the_recommender_alone() -> None:
    cohort, rows = Cohort(WORLD), np.array([2, 0])
    page_turned(cohort, rows, np.array([60.0, 61.0]), recommended=np.array([True, False]))
    assert cohort.trust[2] > cohort.trust[0] == 0.5


def test_watches_are_counted_beside_readings_where_asked_for() -> None:
    rows, items = np.array([2, 0]), np.array([[4, 1, PAD], [1, 3, 4]])
    read = items != PAD
    watched = read & (items == 1)
    exposures = Exposures(3, 5, watches=True)
    for _ in range(3):
        _, index = exposures.look(rows, items)
        exposures.add(rows, items, index, read, watched)
    again = Exposures(3, 5, watches=True)
    again.load_state(exposures.state())
    times, index = again.look(rows, items)
    assert times.tolist() == [[3, 3, 0], [3, 3, 3]]
    counted = again.watches(rows, index)
    assert counted is not None
    assert counted.tolist() == [[0, 3, 0], [3, 0, 0]]
    plain = Exposures(3, 5)
    assert plain.watches(rows, plain.look(rows, items)[1]) is None
