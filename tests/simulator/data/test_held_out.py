import numpy as np
import pytest

from agents.errors import InvalidInput
from simulator.catalog import Interactions
from simulator.data.held_out import last_fifth, leave_one_out, permuted, temporal
from simulator.recommenders.planted import Planted

WORLD = Planted.shuffled(users=60, length=10)


def log_of(user, item, time):
    n = len(user)
    columns = (np.array(user), np.array(item), np.full(n, np.nan), np.array(time, dtype=float))
    return Interactions(*columns, np.zeros(n, dtype=bool))


def targets(held_out):
    return {
        int(user): sorted(held_out.target[held_out.owner == place].tolist())
        for place, user in enumerate(held_out.requests.user_id)
    }


def test_a_cut_in_time_asks_users_with_a_past_for_what_is_new_to_them():
    log = log_of([0, 1, 2, 0, 0, 1, 0, 9, 2, 2], [5, 6, 7, 8, 9, 1, 2, 3, 7, 4], range(10))
    held_out = temporal(log, WORLD.catalog)
    assert held_out.train.item_id.tolist() == [5, 6, 7, 8, 9, 1, 2, 3]
    assert targets(held_out) == {2: [4]}, "item 7 is no news to user 2"
    assert held_out.requests.now.tolist() == [9]
    assert held_out.requests.history.tolist() == held_out.requests.exclude.tolist() == [7]


def test_nothing_learned_from_is_later_than_a_target():
    held_out = temporal(WORLD.log, WORLD.catalog)
    assert held_out.train.time.max() <= held_out.requests.now.min()
    assert len(held_out.train) == len(WORLD.log) - len(WORLD.log) // 5


def test_the_last_fifth_of_each_user_is_asked_for_and_at_least_one():
    user = [0] * 10 + [1] * 4 + [2]
    held_out = last_fifth(log_of(user, range(15), range(15)), WORLD.catalog)
    assert targets(held_out) == {0: [8, 9], 1: [13]}
    assert held_out.train.user_id.tolist() == [0] * 8 + [1] * 3 + [2]


@pytest.mark.parametrize("part", [temporal, last_fifth])
def test_ties_are_ordered_by_the_key_alone(part):
    log = log_of(np.repeat(np.arange(20), 5), np.tile(np.arange(5), 20), np.zeros(100))
    one, again, other = (targets(part(log, WORLD.catalog, key)) for key in (1, 1, 2))
    assert one == again != other
    untied = log_of(np.arange(20) % 4, np.arange(20), np.arange(20))
    assert permuted(untied, 3).item_id.tolist() == list(range(20))


def test_judging_some_users_keeps_their_targets_and_all_that_is_learned_from():
    whole = last_fifth(WORLD.log, WORLD.catalog)
    few = whole.some(7)
    assert len(few.requests) == 7
    assert few.train is whole.train
    assert targets(few).items() <= targets(whole).items()
    assert targets(leave_one_out(WORLD.log, WORLD.catalog).some(1000)) == targets(
        leave_one_out(WORLD.log, WORLD.catalog)
    )


def test_nobody_to_ask_is_said():
    strangers = log_of([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], range(5))
    for part in (temporal, last_fifth):
        with pytest.raises(InvalidInput, match="use more data"):
            part(strangers, WORLD.catalog)
