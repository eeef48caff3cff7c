"""RecLab: its environment in which a user picks one item of a slate (BetaRank), its recommenders updated every step."""

from collections.abc import Iterator

from timing import Loop, measure


def loop_of(recommender: str) -> Loop:
    """Return the loop of its manual: recommend to the online users (all of them), let them rate, update."""

    def loop(users: int, items: int, slate: int) -> Iterator[None]:
        from reclab import recommenders
        from reclab.environments.beta_rank import BetaRank

        environment = BetaRank(10, users, items, rating_frequency=1.0)
        environment.seed(0)
        chosen = getattr(recommenders, recommender)()
        chosen.reset(*environment.reset())
        while True:
            yield
            slates, _ = chosen.recommend(environment.online_users, slate)
            _, _, ratings, _ = environment.step(slates)
            chosen.update(ratings=ratings)

    return loop


if __name__ == "__main__":
    measure("reclab", {f"{name}, updated every step": loop_of(name) for name in ("TopPop", "RandomRec")})
