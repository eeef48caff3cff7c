"""RecSim without TensorFlow: interest exploration, documents kept from step to step, one choice per user and step."""

from collections.abc import Iterator

from timing import measure


def together(users: int, items: int, slate: int) -> Iterator[None]:
    """Run all users in its multi-user environment, which observes the documents once a step.

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


def alone(users: int, items: int, slate: int) -> Iterator[None]:
    """Run each user in its own environment, as its runner does, with its greedy agent that knows the choice model."""
    import numpy as np
    from recsim.agents import greedy_pctr_agent
    from recsim.environments import interest_exploration as world

    pairs = []
    for user in range(users):
        settings = {"slate_size": slate, "num_candidates": items, "resample_documents": False, "seed": user}
        gym = world.create_environment(settings)
        agent = greedy_pctr_agent.GreedyPCTRAgent(gym.action_space, world.IEUserState(np.ones(2)))
        pairs.append([gym, agent, gym.reset(), 0.0])
    while True:
        yield
        for pair in pairs:
            gym, agent, seen, reward = pair
            pair[2], pair[3], _, _ = gym.step(agent.step(reward, seen))


if __name__ == "__main__":
    measure("recsim-no-tf", {"users together, clicks counted every step": together, "users alone, greedy agent": alone})
