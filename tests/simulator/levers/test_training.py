"""Levers on training and generation: what they set is what is fitted, and no two settings share a fit."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from agents.errors import InvalidInput
from agents.schema import Ints
from simulator.components import build, find, names
from simulator.fits import Fits
from simulator.levers.base import levered
from simulator.levers.codebook_rebalancing import Balanced
from simulator.recommenders.base import Recommender, Slates
from simulator.recommenders.conformance import RULES, Subject, equal_states
from simulator.recommenders.planted import Planted
from simulator.recommenders.tokenizers.base import Tokenizer

PLANTED = Planted.shuffled(users=240, length=12)
OBJECTIVE = [kind for kind in names("recommenders") if "objective" in find("recommenders", kind).__dataclass_fields__]
SMALL = {"epochs": 1, "refit_epochs": 1, "width": 16, "blocks": 1}
TIGER = {"kind": "tiger", "beam": 12, **SMALL}
PROMISES = {"batch_does_not_matter", "slates_are_well_formed", "short_lists_are_counted", "state_round_trips"}


def of(spec: dict[str, Any], *levers: dict[str, Any]) -> Recommender:
    recommender = levered({**spec, "levers": list(levers)})
    recommender.fit(PLANTED.log, PLANTED.catalog, rng=np.random.default_rng(0))
    return recommender


@cache
def slates_of(kind: str, strength: float) -> Slates:
    return of(TIGER, {"kind": kind, "strength": strength}).recommend(PLANTED.requests(), 10)


@pytest.mark.parametrize("kind", ["inverse_propensity", "sdpo", "self_play"])
@pytest.mark.parametrize("recommender", OBJECTIVE)
def test_an_objective_is_set_or_refused_and_makes_a_fit_of_its_own(tmp_path, kind, recommender):
    fields = find("recommenders", recommender).__dataclass_fields__
    spec = {"kind": recommender, **{name: value for name, value in SMALL.items() if name in fields}}
    lever = {"kind": kind, "strength": 0.5}
    if (recommender, kind) in {("tiger", "sdpo"), ("tiger", "self_play")}:
        with pytest.raises(InvalidInput, match=f"{kind}: Tiger learns no preferences"):
            levered({**spec, "levers": [lever]})
        return
    changed: Any = levered({**spec, "levers": [{"kind": "mmr", "strength": 0.2}, lever]})
    assert getattr(changed.inner.objective, kind) == 0.5
    found = []
    for levers in ([], [lever], [lever]):
        fits = Fits(tmp_path, {**spec, "levers": levers}, 1, PLANTED.catalog, warm=True)
        fitted = fits.fit(0, PLANTED.log.take(PLANTED.log.user_id < 60), None)
        found.append((fits.key, fitted.state()))
    assert found[0][0] != found[1][0] == found[2][0]
    assert equal_states(found[1][1], found[2][1])
    assert not equal_states(found[0][1], found[1][1])


def balance(codes: Ints, n: int) -> float:
    """The mean size of the digits' most crowded codes."""
    return float(np.mean([np.bincount(digit, minlength=n).max() for digit in codes[codes[:, 0] >= 0].T]))


@pytest.mark.parametrize("kind", ["product", "residual_kmeans"])
def test_codes_are_evened_out(kind):
    found = []
    for strength in (0, 0.3, 0.7, 1):
        tokenizer: Tokenizer = Balanced(build("tokenizers", {"kind": kind, "digits": 4, "codes": 16}), strength)
        tokenizer.fit(PLANTED.log, PLANTED.catalog, np.random.default_rng(0))
        found.append(tokenizer.encode(PLANTED.log, PLANTED.catalog, np.random.default_rng(0)))
    sizes = [balance(codes, 16) for codes in found]
    assert (np.diff(sizes) < 0).all(), sizes
    assert sizes[-1] == -(-(found[0][:, 0] >= 0).sum() // 16)
    plain = build("tokenizers", {"kind": kind, "digits": 4, "codes": 16})
    plain.fit(PLANTED.log, PLANTED.catalog, np.random.default_rng(0))
    assert np.array_equal(found[0], plain.encode(PLANTED.log, PLANTED.catalog, np.random.default_rng(0)))


def test_moved_items_go_where_their_users_are():
    """Two groups of users and items; a code too many items share loses those of the other group to it."""
    from scipy import sparse

    from simulator.levers.codebook_rebalancing import evened

    users = np.zeros((8, 6))
    users[:4, :3] = users[4:, 3:] = 0.5
    assert evened(np.array([0, 0, 0, 0, 1, 1]), sparse.csr_array(users), 2, 1.0).tolist() == [0, 0, 0, 1, 1, 1]


def test_a_rebalanced_recommender_keeps_its_ids_when_saved_and_refitted():
    spec, lever = {"kind": "semantic_id", **SMALL}, {"kind": "codebook_rebalancing", "strength": 1}
    first, again = of(spec, lever), levered({**spec, "levers": [lever]})
    again.load_state(first.state())
    assert equal_states(first.state(), again.state())
    again.fit(PLANTED.log, PLANTED.catalog, rng=np.random.default_rng(1))
    assert np.array_equal(again.state()["codes"], first.state()["codes"])
    assert (of(spec).state()["codes"] != first.state()["codes"]).any()


@pytest.mark.slow
def test_noise_while_generating_grows_with_its_lever():
    plain = of(TIGER).recommend(PLANTED.requests(), 10).item_id
    kept = [(slates_of("gumbel", s).item_id == plain).mean() for s in (0.02, 0.2, 1)]
    assert 1 > kept[0] > kept[1] > kept[2]


@pytest.mark.slow
def test_d3_mixes_an_assistant_in_and_keeps_the_contract():
    subject = Subject(lambda: levered({**TIGER, "levers": [{"kind": "d3", "strength": 0.5}]}))
    for rule in RULES:
        if rule.__name__ in PROMISES:
            assert rule(subject) is None
    changed: Any = subject.fitted
    assert changed.inner.ghosts is False
    advice = of({"kind": "skip_markov"}).recommend(PLANTED.requests(), 40).item_id
    taken = [(slates_of("d3", s).item_id[:, :, None] == advice[:, None]).any(axis=2).mean() for s in (1e-9, 0.3, 1)]
    assert taken[0] < taken[1] < taken[2], "the more it weighs, the more of the slate is the assistant's advice"


@pytest.mark.parametrize(
    "kind", [kind for kind in ("guidance", "samples") if "guided_diffusion" in names("recommenders")]
)
def test_diffusion_is_guided_and_sampled_as_asked(kind):
    changed: Any = levered({"kind": "guided_diffusion", "levers": [{"kind": kind, "strength": 2}]})
    assert getattr(changed, kind) == getattr(build("recommenders", "guided_diffusion"), kind) + 2
