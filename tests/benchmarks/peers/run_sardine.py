"""SARDINE: one user at a time, one slate a step, clicks by its position model; it brings no recommender that learns."""

from collections.abc import Iterator
from typing import Any

from timing import measure

EPISODE = 100
"""Steps before the next user comes, its default."""


def world_of(items: int, slate: int) -> Any:
    """Return its slate environment with boredom and influence."""
    import gymnasium
    import sardine  # noqa: F401  (registers its environments)

    name = "sardine/SlateTopK-BoredInf-v0"
    own = gymnasium.spec(name).kwargs
    if (own["num_items"], own["slate_size"]) != (items, slate):
        raise SystemExit(f"it comes with {own['num_items']} items and slates of {own['slate_size']} only")
    return gymnasium.make(name, disable_env_checker=True).unwrapped


def profile(users: int, items: int, slate: int) -> Iterator[None]:
    """Show what is nearest to the items the user clicked, by its top-k wrapper: a profile updated every step."""
    from sardine.wrappers import TopK

    served = TopK(world_of(items, slate), min_action=0, max_action=1)
    made = 0
    while True:
        yield
        for _ in range(users):
            if made % EPISODE == 0:
                seen, _ = served.reset(seed=made)
                wish = served.embeddings.mean(axis=0)
            seen, *_ = served.step(wish)
            wish = wish + served.embeddings[seen["slate"][seen["clicks"] > 0]].sum(axis=0)
            made += 1


def oracle(users: int, items: int, slate: int) -> Iterator[None]:
    """Show what its oracle policy picks."""
    from sardine.policies import EpsilonGreedyOracle

    world = world_of(items, slate)
    policy = EpsilonGreedyOracle(epsilon=0.1, env=world, seed=0)
    made = 0
    while True:
        yield
        for _ in range(users):
            if made % EPISODE == 0:
                seen, _ = world.reset(seed=made)
            seen, *_ = world.step(policy.get_action(seen))
            made += 1


if __name__ == "__main__":
    measure("sardine-rec", {"profile of clicks, updated every step": profile, "oracle, learns nothing": oracle})
