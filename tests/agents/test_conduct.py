"""The declared distributions come out as declared."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest, multivariate_normal

from agents.behaviors.uniform import Uniform
from agents.conduct import DWELL_SPREAD, GLANCE_MINUTES, WATCH_MINUTES, Conduct
from agents.mood import NEUTRAL
from agents.pairs import Pairs
from agents.rating import RatingModel
from agents.schema import PAD, Action, Choices, DecidedBy, ExitReason
from simulator.seeds import Streams
from tests.agents.worlds import pages, setting

USERS = 12
N = 40_000
ROWS = np.arange(N)


def conduct(choices: Choices | None = None) -> Conduct:
    return Conduct.of(setting(USERS, choices))


def pairs(exposures: int = 0, decision: int = 0) -> Pairs:
    """Every pair another item, so that all draws are apart."""
    met = np.full(N, exposures, dtype=np.int64)
    return Pairs(ROWS, ROWS, ROWS % USERS, np.full(N, decision), ROWS // USERS, np.zeros(N), met, None)


def close(found: float, wanted: float, n: int) -> bool:
    return bool(abs(found - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / n))


@pytest.mark.parametrize("pi", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("probability", [0.02, 0.1, 0.5, 0.9])
def test_watching_is_as_likely_as_said(pi: float, probability: float) -> None:
    users = conduct(Choices(pi=pi, eta=0.7))
    for exposures in (0, 1, 3):
        watched = users.takes(pairs(exposures), np.full(N, probability))
        assert close(watched.mean(), probability * 0.7**exposures, N)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_what_is_certain_happens(probability: float) -> None:
    assert np.all(conduct().takes(pairs(), np.full(N, probability)) == bool(probability))


@pytest.mark.parametrize("pi", [0.3, 0.8])
def test_a_second_decision_agrees_by_the_share_that_lasts(pi: float) -> None:
    users = conduct(Choices(pi=pi, eta=1.0))
    first, second = (users.takes(pairs(decision=decision), np.full(N, 0.3)) for decision in (0, 1))
    edge = -0.5244005127080409
    both = multivariate_normal(cov=[[1, pi], [pi, 1]]).cdf([edge, edge])
    assert close((first & second).mean(), float(both), N)


def test_dwelling_is_log_normal_around_what_is_typical() -> None:
    world = setting(USERS, Choices(eta=1.0, examination=1.0))
    behavior = Uniform(0.5)
    behavior.prepare(world)
    shown = pages(world, 2000)
    result = behavior.respond(shown)
    attention = np.array([persona.attention for persona in world.personas])[shown.user_id][:, None]
    for action, minutes in ((Action.WATCH, WATCH_MINUTES), (Action.SKIP, GLANCE_MINUTES)):
        spread = np.log((result.dwell - 0.5 / 1024) * attention / minutes)[result.action == action]
        assert abs(spread.mean()) < 4 * DWELL_SPREAD / np.sqrt(spread.size)
        assert kstest(spread[:5000] / DWELL_SPREAD, "norm").pvalue > 1e-3


def test_rules_rate_by_the_user_s_own_mean_and_spread() -> None:
    users = conduct()
    everyone = pairs()
    given = users.rate(everyone, np.full(N, 0.4))
    for user in range(3):
        own = given[everyone.user_id == user]
        center = users.rating_mean[user] + 0.4 * users.rating_sd[user]
        below = ndtr((np.array([1.5, 2.5, 3.5, 4.5]) - center) / users.rating_sd[user])
        for level, share in zip((1, 2, 3, 4), below, strict=True):
            assert close((own <= level).mean(), share, len(own))


def test_levels_are_as_likely_as_the_rating_model_says() -> None:
    model = RatingModel(np.zeros(1), np.eye(1), 1.0, np.array([1.4, 2.7, 3.3, 4.6]), 1)
    level = model.level(np.full(N, 3.2), np.full(N, 1.1), Streams(3).uniform("u", np.arange(N)))
    for place, cut in enumerate(model.cuts):
        assert close((level <= place).mean(), float(ndtr((cut - 3.2) / 1.1)), N)
    assert model.level(np.array([3.2]), np.array([1.1]), np.array([0.0])).tolist() == [0.0]


def test_causes_of_leaving_compete_by_their_hazards() -> None:
    world = setting(USERS, Choices(patience=5.0))
    users = Conduct.of(world)
    shown = pages(world, 20_000)
    why = users.leave(shown)
    hazard = 1 / (5.0 * np.sqrt(world.personas.traits.activity[shown.user_id]))
    causes = {
        ExitReason.SATISFIED: hazard,
        ExitReason.TIRED: hazard * shown.fatigue,
        ExitReason.BORED: hazard * (1 - shown.satisfaction),
    }
    for reason, chance in causes.items():
        assert close((why == reason).mean(), chance.mean(), 20_000)
    neutral = replace(shown, trust=np.full(20_000, NEUTRAL))
    assert (users.leave(neutral) == why).all()
    doubting = users.leave(replace(shown, trust=np.full(20_000, 0.2)))
    assert close((doubting == ExitReason.BORED).mean(), 1.6 * causes[ExitReason.BORED].mean(), 20_000)
    assert ((doubting == why) | (why == ExitReason.STAYED)).all()
    short = pages(world, 2000, width=9)
    assert ExitReason.STAYED not in users.leave(short)


def test_outcome_takes_columns_and_rates_only_what_is_watched() -> None:
    world = setting(USERS)
    users = Conduct.of(world)
    shown = pages(world, 50)
    shown.item_id[::3, 7:] = PAD
    read = users.read(shown)
    takes = np.arange(500).reshape(50, 10) % 4 == 0
    result = users.outcome(shown, read, takes, np.full((50, 10), 4.0), DecidedBy.LLM)
    np.testing.assert_array_equal(result.action == Action.WATCH, read & takes)
    np.testing.assert_array_equal(result.action == Action.UNSEEN, ~read)
    np.testing.assert_array_equal(result.rating, np.where(read & takes, 4.0, np.nan))
    np.testing.assert_array_equal(result.dwell > 0, read)
    assert set(result.exit_reason[::3].tolist()).isdisjoint({ExitReason.STAYED})
