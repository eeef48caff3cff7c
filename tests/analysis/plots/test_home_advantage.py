import pandas as pd

from analysis.plots.home_advantage import HomeAdvantage


def made(seeds: int) -> pd.DataFrame:
    values = {
        ("calibrated", "rho 0"): (0.8, 1.2),
        ("calibrated", "rho 1"): (0.9, 1.1),
        ("latent", "rho 0"): (1.3, 0.7),
        ("latent", "rho 1"): (1.1, 0.9),
    }
    about = {"low": 0.5, "high": 1.5, "n": 40, "seeds": seeds, "definition_id": "d"}
    return pd.DataFrame(
        {"arm": arm, "family": family, "where": where, "value": value, **about}
        for (family, where), both in values.items()
        for arm, value in zip(("here", "there"), both, strict=True)
    )


def test_the_winner_of_every_family_is_named_and_how_much_home_helps() -> None:
    words = HomeAdvantage().findings(made(3))
    assert "calibrated users: there; latent users: here" in words
    assert "here 1.41 (latent), there 1.44 (calibrated)" in words


def test_the_caption_counts_seeds_and_says_which_point_is_which() -> None:
    caption = HomeAdvantage().caption(made(3))
    assert "n = 3 seeds, mean and 95 % interval over seeds" in caption
    assert caption.endswith("The points of a family, from above: rho 0; rho 1.")
    assert "n = 2 seeds, mean over seeds" in HomeAdvantage().caption(made(2))
