"""The protocol: nothing held out is known, and popularity says nothing of matched items."""

from dataclasses import replace

import numpy as np
import pytest

from agents.errors import InvalidInput
from agents.schema import PAD, Choices, History
from analysis.fidelity import leakage, spoken
from analysis.fidelity.fold import FEWEST, divide, halves
from analysis.fidelity.play import Real, setting
from analysis.fidelity.questions import ask
from simulator.seeds import Streams
from tests.agents.worlds import history, items

STREAMS = Streams(4)


@pytest.fixture(scope="module")
def log():
    return history(n_users=60, per_user=25)


@pytest.fixture(scope="module")
def fold(log):
    return divide(log, STREAMS)


def pairs(log):
    return set(zip(log.user_id.tolist(), log.item_id.tolist(), strict=True))


def test_known_and_held_out_are_disjoint_and_together_everything(log, fold):
    assert not pairs(fold.known) & pairs(fold.held)
    assert pairs(fold.known) | pairs(fold.held) == pairs(log)
    assert not set(fold.tested) & set(fold.fitted)
    assert set(fold.held.user_id) == set(fold.tested)
    assert len(fold.tested) == 12


def test_the_latest_fifth_is_held_out(fold):
    for user in fold.tested:
        before, after = (part.time[part.user_id == user] for part in (fold.known, fold.held))
        assert before.max() <= after.min()
        assert len(after) == pytest.approx(0.2 * (len(before) + len(after)), abs=1)


def test_ties_are_permuted_whatever_the_order_of_rows(log):
    flat = replace(log, time=np.zeros(len(log.time)))
    kept = divide(flat, STREAMS)
    first = np.flatnonzero(flat.user_id == kept.tested[0])
    count = (kept.held.user_id == kept.tested[0]).sum()
    assert set(kept.held.item_id[:count]) != set(flat.item_id[first[-count:]])


def test_users_with_few_interactions_take_no_part(log):
    few = log.user_id != 7
    few |= np.cumsum(~few) < FEWEST
    short = History(*(getattr(log, name)[few] for name in History.__slots__))
    kept = divide(short, STREAMS)
    assert 7 not in set(kept.tested) | set(kept.fitted)
    with pytest.raises(InvalidInput, match="needs at least 10"):
        divide(History(*(getattr(log, name)[:30] for name in History.__slots__)), STREAMS)


def test_halves_share_each_user(fold):
    first = halves(fold.held, STREAMS)
    for user in fold.tested:
        mine = first[fold.held.user_id == user]
        assert abs(2 * mine.sum() - len(mine)) <= 1


def test_questions_ask_about_what_was_never_taken_as_popular_as_it_was_then(fold):
    popularity = np.bincount(fold.known.item_id, minlength=80).astype(float)
    q = ask(fold, popularity, STREAMS)
    taken = fold.taken(80)
    for row in range(len(q)):
        others = q.item[row, 1:]
        assert not taken[q.user[row]][others[others != PAD]].any()
        earlier = fold.known.item_id[fold.known.time < q.time[row]]
        counts = np.bincount(earlier, minlength=80)
        there = q.item[row] != PAD
        np.testing.assert_array_equal(q.popularity[row, there], counts[q.item[row, there]])
        near = q.popularity[row, q.matched]
        up, down = near[:3][q.item[row, q.matched][:3] != PAD], near[3:][q.item[row, q.matched][3:] != PAD]
        assert (up >= q.popularity[row, 0]).all()
        assert (down <= q.popularity[row, 0]).all()


def test_lent_users_are_judged_users_of_their_own_kind(fold):
    wide, lent = spoken.lend(fold, 10, STREAMS)
    assert len(lent) == 10
    assert set(lent) <= set(fold.fitted)
    assert not set(lent) & set(wide.fitted)
    assert set(wide.tested) == set(lent) | set(fold.tested)
    assert pairs(wide.known) | pairs(wide.held) == pairs(fold.known) | pairs(fold.held)
    assert not pairs(wide.known) & pairs(wide.held)
    for user in lent:
        assert wide.known.time[wide.known.user_id == user].max() <= wide.held.time[wide.held.user_id == user].min()


def test_planted_markers_are_found_where_they_are_and_only_there(log, fold):
    marked = leakage.marked(items(), np.unique(fold.held.item_id))
    real = Real(marked, log, tuple(str(u) for u in range(60)), (1, 5, 1))
    world = setting(real, fold, STREAMS, Choices())
    assert leakage.leaks(world, fold) == 0
    user, item = 0, int(fold.held.item_id[fold.held.user_id == fold.tested[0]][0])
    assert leakage.leaks(world, fold, [(user, f"watch {marked[item].title}!")]) == 1
    telling = setting(replace(real, log=log), replace(fold, known=log), STREAMS, Choices())
    assert leakage.leaks(telling, fold) > 0
