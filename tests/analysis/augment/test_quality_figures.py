"""What the figures of a quality report say of tables whose truth is known, and of other ways to compute them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import kstest
from sklearn.metrics import auc, roc_curve

from analysis.augment.bias_shift import bias_shift
from analysis.augment.case import Case
from analysis.augment.columns import ks_complement, tv_complement
from analysis.augment.controls import CONTROLS
from analysis.augment.exam import COLD, Exam
from analysis.augment.neighborhoods import prdc, reach
from analysis.augment.privacy import closeness, privacy, tpr_at
from analysis.augment.quality import of_seed
from analysis.augment.sampling import half, matched, of_users, some_rows, windows
from analysis.augment.space import Space, taken
from analysis.augment.structure import cooccurrence
from analysis.augment.two_sample import cross_validated, two_sample_auc
from analysis.augment.utility import arms
from simulator.catalog import Interactions
from simulator.data.held_out import last_fifth, parted
from simulator.data.synthetic import Synthetic
from simulator.recommenders.base import Slates
from simulator.recommenders.popularity import Popularity
from simulator.seeds import Streams

WORLD = Synthetic(variant="tiny").load()
DRAWS = Streams(3)


@pytest.fixture(scope="module")
def case():
    """Half of the rows before the split are real here, the others are as good a synthetic table as can be."""
    held = last_fifth(WORLD.interactions, WORLD.catalog, 0)
    late = ~np.isin(key(WORLD.interactions), key(held.train))
    held_out, lot = WORLD.interactions.take(late), DRAWS.uniform("lot", np.arange(len(held.train))) < 0.6
    real, synthetic = held.train.take(lot), held.train.take(~lot)
    test = parted(real, held_out, WORLD.catalog)
    return Case("tiny", WORLD.catalog, len(WORLD.users), real, held_out, test, synthetic, np.ones(len(synthetic)))


def key(log: Interactions):
    return log.user_id * 10_000 + log.item_id


def test_complements_agree_with_scipy_and_with_counting():
    one, other = DRAWS.normal("one", np.arange(300)), DRAWS.normal("other", np.arange(200)) + 0.4
    assert ks_complement(one, other) == pytest.approx(1 - kstest(one, other).statistic)
    assert ks_complement(np.append(one, np.nan), one) == 1.0
    p, q = np.array([5.0, 3, 2]), np.array([10.0, 0, 10])
    assert tv_complement(p, q) == pytest.approx(np.minimum(p / 10, q / 20).sum())


def test_neighborhoods_agree_with_their_definitions():
    real, other = (
        DRAWS.normal("real", np.arange(60)[:, None], np.arange(3)),
        DRAWS.normal("o", np.arange(40)[:, None], np.arange(3)),
    )
    k = 3
    inside, radius = np.sort(cdist(real, real), axis=1)[:, k], np.sort(cdist(other, other), axis=1)[:, k]
    assert reach(real, k) == pytest.approx(inside)
    balls = [[np.linalg.norm(r - o) <= inside[i] for o in other] for i, r in enumerate(real)]
    theirs = [[np.linalg.norm(r - o) <= radius[j] for j, o in enumerate(other)] for r in real]
    found = prdc(real, other, k)
    assert found["precision"] == pytest.approx(np.mean([any(row[j] for row in balls) for j in range(len(other))]))
    assert found["recall"] == pytest.approx(np.mean([any(row) for row in theirs]))
    assert found["density"] == pytest.approx(np.sum(balls) / (k * len(other)))
    assert found["coverage"] == pytest.approx(np.mean([any(row) for row in balls]))
    assert np.isnan(prdc(real[:k], other, k)["precision"])


def test_the_rate_at_few_false_alarms_agrees_with_the_roc_curve():
    kind = (DRAWS.uniform("kind", np.arange(400)) < 0.5).astype(float)
    score = DRAWS.normal("score", np.arange(400)) + kind
    false, true, _ = roc_curve(kind, score)
    assert 0 < tpr_at(kind, score) == pytest.approx(max(t for f, t in zip(false, true, strict=True) if f <= 0.01))
    assert auc(false, true) > 0.5


def test_matched_users_have_equally_many_neighboring_entries(case):
    real, other = matched(case.real, case.synthetic, DRAWS)
    sizes = [np.sort(np.unique(log.user_id, return_counts=True)[1]) for log in (real, other)]
    assert np.array_equal(*sizes)
    user = int(real.user_id[0])
    whole, part = (log.item_id[log.user_id == user] for log in (case.real, real))
    assert any(np.array_equal(whole[at : at + len(part)], part) for at in range(len(whole)))


def test_a_half_varies_as_a_sample_of_its_own():
    values = DRAWS.normal("value", np.arange(400))
    means = [values[half(np.arange(400), Streams(seed), "h")].mean() for seed in range(400)]
    assert np.std(means) == pytest.approx(values.std() / np.sqrt(400), rel=0.15)


def test_rows_are_drawn_by_weight_and_few_are_among_more(case):
    weight = np.where(case.synthetic.item_id % 2 == 0, 9.0, 1.0)
    few, more = (some_rows(case.synthetic, weight, count, DRAWS) for count in (100, 300))
    assert set(key(few)) <= set(key(more))
    assert (few.item_id % 2 == 0).mean() > (case.synthetic.item_id % 2 == 0).mean() + 0.2


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_controls_have_the_shape_of_what_they_stand_beside(case, name):
    made = CONTROLS[name](case, case.synthetic, DRAWS)
    assert len(made) == len(case.synthetic)
    assert (np.diff(made.time) >= 0).all()
    if name == "bootstrap":
        assert set(made.user_id % case.n_users * 10_000 + made.item_id) <= set(key(case.real))
    else:
        assert np.array_equal(np.bincount(made.user_id), np.bincount(case.synthetic.user_id))
        assert len(np.unique(key(made))) == len(made)
    if name in ("markov", "cf_teacher"):
        assert not np.isin(key(made), key(case.real)).any()
    again = CONTROLS[name](case, case.synthetic, DRAWS)
    assert np.array_equal(made.item_id, again.item_id)


def test_invented_users_get_controls_too(case):
    invented = replace(case.synthetic, user_id=case.synthetic.user_id + case.n_users)
    for name, control in CONTROLS.items():
        made = control(case, invented, DRAWS)
        assert len(made) == len(invented), name
        assert made.user_id.min() >= case.n_users
    found = of_seed(replace(case, synthetic=invented), None, DRAWS)
    assert abs(found["synthetic"]["two_sample_auc"] - 0.5) < abs(found["random"]["two_sample_auc"] - 0.5)


def test_a_world_too_small_to_judge_gives_no_figures_and_no_error():
    world = Synthetic(users=4, items=6, interactions_per_user=3).load()
    held = last_fifth(world.interactions, world.catalog, 0)
    late = world.interactions.take(~np.isin(key(world.interactions), key(held.train)))
    small = Case("small", world.catalog, 4, held.train, late, held, held.train, np.ones(len(held.train)))
    found = of_seed(small, None, DRAWS)["synthetic"]
    assert all(np.isnan(found[name]) for name in ("two_sample_auc", "precision", "mia_tpr_at_1_fpr"))
    assert found["genre_tv_complement"] > 0


def test_controls_know_what_they_should(case):
    of = {name: control(case, case.synthetic, DRAWS) for name, control in CONTROLS.items()}
    counts = case.real.counts(len(case.catalog))
    popular = {name: counts[log.item_id].mean() for name, log in of.items()}
    assert popular["random"] == pytest.approx(counts.mean(), rel=0.1)
    assert min(popular["markov"], popular["cf_teacher"]) > 1.2 * popular["random"]
    truth = {name: np.isin(key(log), key(case.synthetic)).mean() for name, log in of.items()}
    assert truth["cf_teacher"] > 1.3 * truth["random"]


def test_the_two_sample_test_tells_noise_from_users_and_not_users_from_users(case):
    space = Space.of(of_users(case.real, np.arange(0, 200, 2)), case.catalog)
    real = of_users(case.real, np.arange(1, 200, 2))
    found = {}
    for name in ("bootstrap", "random"):
        other = CONTROLS[name](case, case.synthetic, DRAWS)
        found[name] = two_sample_auc(*matched(real, other, DRAWS), space, case.n_users, 0)
    assert found["random"] > 0.75
    assert abs(found["bootstrap"] - 0.5) < found["random"] - 0.5


def test_copies_of_one_user_are_never_on_both_sides_of_a_fold():
    x = DRAWS.normal("x", np.arange(80)[:, None], np.arange(4))
    both, kind, group = np.concatenate([x, x]), np.repeat([0, 1], 80), np.tile(np.arange(80), 2)
    assert cross_validated(both, kind, group, 0) == pytest.approx(0.5)
    assert cross_validated(x, np.repeat([0, 1], 40), np.arange(80), 0) == pytest.approx(0.5, abs=0.25)
    assert np.isnan(cross_validated(x[:12], np.repeat([0, 1], 6), np.arange(12), 0))


def test_copied_rows_are_found_by_the_attack_and_by_the_copy_detector(case):
    mine, public = (of_users(case.real, np.arange(first, 200, 2)) for first in (0, 1))
    n_items = len(case.catalog)
    copied = privacy(mine, case.held_out, public, mine, n_items, DRAWS)
    noise = privacy(mine, case.held_out, public, CONTROLS["random"](case, mine, DRAWS), n_items, DRAWS)
    assert copied["mia_auc"] > noise["mia_auc"] + 0.2
    assert (copied["copied_share"], copied["closest_record"]) == (1.0, pytest.approx(0.0))
    assert noise["copied_share"] == 0.0


def test_closeness_and_cooccurrence_agree_with_dense_arithmetic(case):
    n_items = len(case.catalog)
    one, other = (taken(log, n_items) for log in (case.real, case.synthetic))
    dense = [matrix.toarray() / np.linalg.norm(matrix.toarray(), axis=1)[:, None] for matrix in (one, other)]
    assert closeness(one, other) == pytest.approx((dense[0] @ dense[1].T).max(axis=1))
    pairs = [matrix.toarray().T @ matrix.toarray() for matrix in (one, other)]
    for matrix in pairs:
        np.fill_diagonal(matrix, 0)
    flat = [matrix.ravel() for matrix in pairs]
    assert cooccurrence(one, other) == pytest.approx(flat[0] @ flat[1] / np.prod([np.linalg.norm(f) for f in flat]))


def test_adding_the_real_rows_again_shifts_nothing_and_one_item_much(case):
    space = Space.of(case.real, case.catalog)
    same = bias_shift(case.real, case.real, space)
    assert (same["gini_shift"], same["arp_shift"], same["genre_shift"]) == pytest.approx((0, 0, 0), abs=1e-9)
    best = int(case.real.counts(len(case.catalog)).argmax())
    one = Interactions(
        case.synthetic.user_id, np.full(len(case.synthetic), best), case.synthetic.rating, case.synthetic.time,
        case.synthetic.is_synthetic,
    )  # fmt: skip
    moved = bias_shift(case.real, one, space)
    assert moved["gini_shift"] > 0.05
    assert moved["arp_shift"] > 0.02
    assert moved["genre_shift"] > 0.05


def test_windows_name_their_users_anew(case):
    users = np.array([5, 5, 7])
    drawn = windows(case.real, users, np.array([2, 3, 10_000]), np.array([100, 101, 102]), DRAWS, "w")
    counts = np.bincount(case.real.user_id)
    assert np.bincount(drawn.user_id)[100:].tolist() == [2, 3, counts[7]]
    assert set(drawn.item_id[drawn.user_id == 102]) == set(case.real.item_id[case.real.user_id == 7])


def test_mixtures_hold_the_rows_asked_for_and_say_which_cannot_be_had(case):
    rows = {"synthetic": (case.synthetic, case.weight)}
    reach = len(case.synthetic) / len(case.real)
    made = {(arm.use, arm.ratio): log for arm, log in arms(case, rows, (0.1, 0.5, 5.0), DRAWS)}
    assert set(made) == {("real", 0.0), ("alone", reach), ("added", 0.1), ("added", 0.5)}
    assert len(made["added", 0.5]) == len(case.real) + round(0.5 * len(case.real))
    few, more = (set(key(made["added", ratio])) for ratio in (0.1, 0.5))
    assert set(key(case.real)) <= few <= more


def test_cold_and_warm_items_are_judged_apart(case):
    test = Exam.of(case, DRAWS)
    assert len(test.held_out.requests) == (len(case.test.requests) + 1) // 2
    first = np.array([test.held_out.target[test.held_out.owner == at][0] for at in range(len(test.held_out.requests))])
    found = test.judged(Shows(first[:, None]))
    assert found["all"] > 0
    counts = case.real.counts(len(case.catalog))
    cold = Exam(test.held_out, counts < 1e9, test.group).judged(Shows(first[:, None]))
    assert cold["cold items"] == pytest.approx(found["all"])
    assert np.isnan(cold["warm items"])
    assert np.array_equal(test.cold, counts < COLD)
    assert cold["cold items alone"] == pytest.approx(found["all"])
    nothing = test.judged(Shows(np.full((len(first), 1), -1)))
    assert nothing["all"] == 0.0


def test_cold_items_alone_are_ranked_without_the_others(case):
    test = Exam.of(case, DRAWS)
    half_cold = Exam(test.held_out, np.arange(len(case.catalog)) % 2 == 0, test.group)
    popular = Popularity()
    popular.fit(case.real, case.catalog, rng=np.random.default_rng(0))
    found = half_cold.judged(popular)
    assert found["cold items alone"] > found["cold items"] > 0


class Shows:
    """Shows the same whatever is asked."""

    def __init__(self, items):
        self.items = items

    def recommend(self, _requests, _k):
        nothing = np.full(self.items.shape, np.nan)
        return Slates(self.items, nothing, nothing)
