from dataclasses import replace

import numpy as np
import pytest

from agents.errors import InvalidInput
from agents.schema import PAD
from simulator.components import build
from simulator.recommenders.objective import Objective
from simulator.recommenders.planted import Planted, requests_of
from simulator.recommenders.sequences import newest
from simulator.recommenders.tiger import told_apart

torch = pytest.importorskip("torch")

WORLD = Planted.shuffled(users=120, length=9)
TINY = {"kind": "tiger", "epochs": 1, "refit_epochs": 1, "width": 8, "length": 6, "blocks": 2}
FEW_CODES = {"kind": "residual_kmeans", "digits": 2, "codes": 6}
"""So few that many items collide, and the last digit has work to do."""


def fitted(log=WORLD.log, objective=None, **parameters):
    tiger = build("recommenders", {**TINY, "tokenizer": FEW_CODES, **parameters})
    if objective:
        tiger.objective = objective
    tiger.fit(log, WORLD.catalog, rng=np.random.default_rng(0))
    return tiger


@pytest.fixture(scope="module")
def tiger():
    return fitted()


def asked(users=range(5), **changes):
    told = [WORLD.taken[user][: 3 + user] for user in users]
    return replace(requests_of(told, told), **changes)


def as_in_training(tiger, requests, item, temperature):
    """Score one item by the pass that training makes: its digits appended to the history, all read at once."""
    sequences = newest(requests, tiger._codes[:, 0] >= 0, tiger.length)
    told = tiger._told(np.concatenate([sequences, np.full((len(sequences), 1), item + 1)], axis=1))
    with torch.inference_mode():
        states = tiger._network(told)[:, -1]
        digits = [
            (tiger._network.logits(states[:, d], d) / temperature).log_softmax(-1)[:, code]
            for d, code in enumerate(tiger._paths[item])
        ]
    return sum(digits).numpy()


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_exact_scores_are_what_training_would_say_of_each_item(tiger, temperature):
    tiger.temperature = temperature
    scores = tiger.score(asked())
    tiger.temperature = 1.0
    taken = np.flatnonzero(tiger._codes[:, 0] >= 0)
    assert len(taken) > 100
    for item in taken[::9]:
        assert scores[:, item] == pytest.approx(as_in_training(tiger, asked(), item, temperature), abs=1e-4)
    assert np.isneginf(np.delete(scores, taken, axis=1)).all()


def test_a_wide_beam_shows_what_walking_every_path_shows():
    beam, exact = (fitted(decode=decode, beam=len(WORLD.catalog)) for decode in ("beam", "exact"))
    one, other = (recommender.recommend(asked(), 10) for recommender in (beam, exact))
    assert np.array_equal(one.item_id, other.item_id)
    assert one.score == pytest.approx(other.score, abs=1e-4)


def test_a_beam_narrower_than_the_slate_is_widened(tiger):
    tiger.beam = 2
    slates = tiger.recommend(asked(), 10)
    tiger.beam = 20
    assert (slates.item_id != PAD).all()


def test_noise_is_the_requests_own_and_none_changes_nothing(tiger):
    plain = tiger.recommend(asked(), 10)
    tiger.gumbel = 1.0
    noisy, again = tiger.recommend(asked(), 10), tiger.recommend(asked(), 10)
    alone = tiger.recommend(asked().take(np.array([3])), 10)
    other = tiger.recommend(asked(seed=asked().seed + np.uint64(1)), 10)
    tiger.gumbel = 0.0
    assert np.array_equal(noisy.item_id, again.item_id)
    assert np.array_equal(noisy.item_id[3], alone.item_id[0])
    assert not np.array_equal(noisy.item_id, plain.item_id)
    assert not np.array_equal(noisy.item_id, other.item_id)
    assert np.array_equal(plain.item_id, tiger.recommend(asked(), 10).item_id)


def test_gumbel_noise_of_strength_one_draws_first_digits_by_their_probability(tiger):
    with torch.inference_mode():
        likely = tiger._reading(newest(asked([4]), tiger._codes[:, 0] >= 0, tiger.length))[0][0].exp().numpy()
    draws = 4000
    seeds = np.random.default_rng(0).integers(0, 2**63, draws).astype(np.uint64)
    tiger.gumbel = 1.0
    many = asked([4] * draws, seed=seeds)
    added = tiger._decoder(many, draws).noise(1, torch.arange(len(likely)).expand(draws, -1)).numpy()
    tiger.gumbel = 0.0
    share = np.bincount((np.log(likely) + added).argmax(axis=1), minlength=len(likely)) / draws
    assert share == pytest.approx(likely, abs=4 * np.sqrt(0.25 / draws))


def test_items_of_one_id_are_told_apart_and_keep_their_paths_over_refits():
    late = np.unique(WORLD.log.item_id)[::3]
    tiger = fitted(WORLD.log.take(~np.isin(WORLD.log.item_id, late)))
    before, sizes = tiger._paths.copy(), tiger._network.sizes
    tiger.fit(WORLD.log, WORLD.catalog, rng=np.random.default_rng(1))
    had = before[:, 0] >= 0
    assert np.array_equal(tiger._paths[had], before[had])
    coded = tiger._paths[tiger._paths[:, 0] >= 0]
    assert len(np.unique(coded, axis=0)) == len(coded) == len(np.unique(WORLD.log.item_id))
    assert len(np.unique(coded[:, :-1], axis=0)) < len(coded)
    assert tiger._network.sizes[-1] > sizes[-1], "the last digit had no need to grow; the test would prove less"
    assert np.isin(tiger.recommend(asked(range(60)), 10).item_id, late).any()


def test_the_more_popular_come_first_among_items_of_one_id():
    paths = told_apart(np.array([[2], [2], [2], [5]]), np.array([[2, 0], [-1, -1]]), np.array([1.0, 2.0, 9.0, 1.0]))
    assert paths.tolist() == [[2, 0], [2, 2], [2, 1], [5, 0]]


def test_inverse_propensity_shows_less_popular_items_and_preferences_are_refused():
    counts, shown = WORLD.log.counts(len(WORLD.catalog)), []
    for exponent in (0.0, 1.5):
        tiger = fitted(objective=Objective(inverse_propensity=exponent), epochs=12, width=16)
        shown.append(counts[tiger.recommend(asked(range(60)), 10).item_id])
    assert shown[1].mean() < 0.9 * shown[0].mean()
    with pytest.raises(InvalidInput, match="self_play"):
        fitted(objective=Objective(self_play=0.5))
