"""T-RECS: all users at once, dense users x items scores, one choice per user and step, retraining as it does."""

from collections.abc import Iterator

from timing import Loop, measure

TASTES = 10


def popularity(retrain_every: int, by_lot: bool) -> Loop:
    """Return the loop of its popularity recommender; ``by_lot`` draws slates from the ranking, its cheaper way."""

    def loop(users: int, items: int, slate: int) -> Iterator[None]:
        import numpy as np
        from trecs.models import PopularityRecommender

        rng = np.random.default_rng(0)
        system = PopularityRecommender(
            num_users=users,
            num_items=items,
            actual_user_representation=rng.random((users, TASTES)),
            actual_item_representation=rng.random((TASTES, items)),
            num_items_per_iter=slate,
            probabilistic_recommendations=by_lot,
            seed=0,
        )
        step = 0
        while True:
            yield
            step += 1
            system.run(timesteps=1, train_between_steps=step % retrain_every == 0, disable_tqdm=True)

    return loop


if __name__ == "__main__":
    measure(
        "trecs",
        {
            "popularity, trained every step": popularity(1, by_lot=False),
            "popularity, slates by lot, trained every step": popularity(1, by_lot=True),
            "popularity, slates by lot, trained every 10 steps": popularity(10, by_lot=True),
        },
    )
