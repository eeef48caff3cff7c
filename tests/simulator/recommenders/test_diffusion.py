import copy
import dataclasses
import functools

import numpy as np
import pytest
import torch

from agents.schema import Item
from simulator.catalog import Catalog
from simulator.components import InvalidSpec, build
from simulator.recommenders.diffusion_process import Process, StepSampler, keyed_noise
from simulator.recommenders.planted import Planted
from simulator.recommenders.row_diffusion import weighted_rows
from simulator.seeds import Streams

WORLD = Planted.shuffled(users=240, length=12)
USERS = np.arange(40)


@functools.cache
def trained(kind):
    recommender = build("recommenders", {"kind": kind, "epochs": 6})
    recommender.fit(WORLD.log, WORLD.catalog, rng=np.random.default_rng(0))
    return recommender


def asked(kind, times=6, **knobs):
    """The same requests under several seeds, answered by one fit with its knobs turned: (times, users, 10)."""
    recommender, requests = copy.copy(trained(kind)), WORLD.requests(exclude=False).take(USERS)
    for name, value in knobs.items():
        assert hasattr(recommender, name)
        setattr(recommender, name, value)
    seeds = [Streams(n).words("again", USERS) for n in range(times)]
    return np.stack([recommender.recommend(dataclasses.replace(requests, seed=s), 10).item_id for s in seeds])


def distinct(slates):
    """How many items a user meets over all slates, on average."""
    return float(np.mean([len(np.unique(slates[:, user])) for user in range(slates.shape[1])]))


def groups(slates):
    """How many of the planted groups one slate spans, on average."""
    group = np.empty(len(WORLD.catalog), dtype=np.int64)
    group[WORLD.numbering] = np.arange(len(group)) // 20
    return float(np.mean([len(np.unique(group[slate])) for slate in slates.reshape(-1, 10)]))


def test_weights_fall_with_age_to_a_floor_and_an_item_counts_once_at_its_newest():
    row, item = np.array([0, 0, 0, 0, 2]), np.array([1, 3, 1, 0, 2])
    rows = weighted_rows(row, item, (3, 4), recency=0.5, oldest=0.4).toarray()
    assert rows == pytest.approx(np.array([[1, 0.5, 0, 0.4], [0, 0, 0, 0], [0, 0, 1, 0]]))
    assert weighted_rows(row, item, (3, 4), recency=1.0, oldest=0.1).toarray().max(axis=1).tolist() == [1, 0, 1]


@pytest.mark.parametrize("haste", [1.0, 4.0])
def test_undoing_noise_keeps_mean_and_variance_of_each_step(haste):
    process = Process(6, 0.9, haste)
    for step, earlier in ((6, 4), (5, 1), (2, 1)):
        late, early = (float(process.noise[s]) for s in (step, earlier))
        still = process._before(torch.tensor((1 - late) ** 0.5), torch.tensor(1.0), step, earlier, lambda _: 0.0)
        by_state = process._before(torch.tensor(1.0), torch.tensor(0.0), step, earlier, lambda _: 0.0)
        by_noise = process._before(torch.tensor(0.0), torch.tensor(0.0), step, earlier, lambda _: 1.0)
        assert float(still) == pytest.approx((1 - early) ** 0.5, abs=1e-5)
        assert float(by_state**2 * late + by_noise**2) == pytest.approx(early, abs=1e-5)


def test_a_perfect_denoiser_leads_back_whatever_the_passes():
    process, clean, asked_at = Process(10, 0.5), torch.ones(2, 3), []

    def denoise(_, step):
        asked_at.append(int(step[0]))
        return clean

    noise = keyed_noise(np.array([1, 2], dtype=np.uint64), 0, 3, 1.0)
    assert torch.equal(process.undone(torch.zeros(2, 3), denoise, 3, noise), clean)
    assert asked_at == [10, 7, 3]


def test_steps_weigh_the_signal_they_lose_and_costly_ones_are_drawn_more_often():
    process = Process(3, 0.3)
    assert process.weights().numpy() == pytest.approx(3 / (1 + 5 + 5 / 3) * np.array([0, 1, 5, 5 / 3]), rel=1e-4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sampler = StepSampler(process)
        for _ in range(60):
            step, rarity = sampler.draw(300)
            sampler.loss(step, rarity, torch.ones(300))
        step, rarity = sampler.draw(6000)
    often = torch.bincount(step, minlength=4)[1:] / 6000
    assert often.numpy() == pytest.approx(process.weights()[1:].numpy() / 3, abs=0.03)
    assert float(sampler.loss(step, rarity, torch.ones(6000))) == pytest.approx(1.0, abs=0.03)


def test_noise_is_keyed_by_seed_draw_and_step_alone():
    seeds = np.array([5, 9], dtype=np.uint64)
    noise, alone = keyed_noise(seeds, 0, 4, 2.0), keyed_noise(seeds[1:], 0, 4, 2.0)
    assert torch.equal(noise(3)[1:], alone(3))
    for other in (noise(2), keyed_noise(seeds, 1, 4, 2.0)(3), noise(3).flip(0)):
        assert not torch.isclose(noise(3), other).any()
    assert keyed_noise(seeds, 0, 4, 0.0)(3) == 0.0


@pytest.mark.parametrize("kind", ["diffrec", "t_diffrec", "l_diffrec", "guided_diffusion"])
def test_without_noise_slates_are_alike_and_more_noise_varies_them_more(kind):
    still, some, much = (asked(kind, sampling_noise=level, sampling_steps=3) for level in (0.0, 0.5, 2.0))
    assert (still == still[0]).all()
    assert 10 == distinct(still) < distinct(some) - 0.5 < distinct(much) - 1
    assert np.array_equal(much, asked(kind, sampling_noise=2.0, sampling_steps=3))


def test_more_draws_widen_a_slate_and_guidance_narrows_what_is_drawn():
    noisy = {"sampling_noise": 1.0, "sampling_steps": 10}
    one, four, many = (groups(asked("guided_diffusion", 3, **noisy, samples=n)) for n in (1, 4, 16))
    assert one < four < many
    free, led, driven = (distinct(asked("guided_diffusion", **noisy, guidance=w)) for w in (0.0, 1.0, 4.0))
    assert free > led > driven


def test_recency_tells_old_from_new():
    forth, back = WORLD.requests(), WORLD.requests(backwards=True)
    for kind, alike in (("diffrec", True), ("t_diffrec", False)):
        one, other = (trained(kind).recommend(requests, 5).item_id for requests in (forth, back))
        assert np.array_equal(one, other) == alike


def test_a_refit_keeps_clusters_and_starts_anew_where_the_catalog_has_grown():
    recommender = build("recommenders", {"kind": "l_diffrec", "epochs": 1, "refit_epochs": 1})
    clusters = []
    for seed in (0, 1):
        recommender.fit(WORLD.log, WORLD.catalog, rng=np.random.default_rng(seed))
        clusters.append(recommender.state()["cluster"].copy())
    assert np.array_equal(*clusters)
    assert len(np.unique(clusters[0])) == 4
    n = len(WORLD.catalog)
    grown = Catalog((*WORLD.catalog.items, Item(n, "one more", ())), (*WORLD.catalog.names, "one more"))
    recommender.fit(WORLD.log, grown, rng=np.random.default_rng(2))
    assert recommender.score(WORLD.requests()).shape == (WORLD.users, n + 1)


def test_fitting_leaves_the_global_generators_alone():
    before = torch.get_rng_state()
    build("recommenders", {"kind": "diffrec", "epochs": 1}).fit(WORLD.log, WORLD.catalog, rng=np.random.default_rng(0))
    assert torch.equal(before, torch.get_rng_state())


def test_more_steps_than_there_are_cannot_be_undone():
    with pytest.raises(InvalidSpec, match="sampling_steps: 6 is more than the 5 steps"):
        build("recommenders", {"kind": "diffrec", "sampling_steps": 6})
