"""RecSim without TensorFlow: interest exploration, documents kept from step to step, one choice per user and step."""

from collections.abc import Iterator

from timing import measure


def together(users: int, items: int, slate: int) -> Iterator[None]:
    """Run all users in its multi-user environment, which observes the documents once a step, not once a user.

    The recommender is the least one can be there: clicks are counted, everyone is shown the most clicked.
    """
    import numpy as np
    from recsim.environments import interest_exploration as world
    from recsim.simulator import environment

    sampler = world.IETopicDocumentSampler(seed=0)
    models = [
        world.IEUserModel(
            slate, no_click_mass=1, user_state_ctor=world.IEUserState, response_model_ctor=world.IEResponse, seed=user
        )
        for user in range(users)
    ]
    raw = environment.MultiUserEnvironment(models, sampler, items, slate, resample_documents=False)
    raw.reset()
    clicks = np.zeros(items)
    while True:
        yield
        shown = np.argsort(-clicks, kind="stable")[:slate]
        _, _, responses, _ = raw.step([shown] * users)
        clicks[shown] += np.array([[answer.clicked for answer in mine] for mine in responses]).sum(axis=0)


if __name__ == "__main__":
    measure("recsim-no-tf", {"users together, clicks counted every step": together})
