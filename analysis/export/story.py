"""What people should know of a dataset, in plain sentences: the same in every card."""

from typing import Any


def summary(about: dict[str, Any]) -> str:
    """Return in a sentence or two what the dataset is."""
    counts, source = about["counts"], about["source"]
    return (
        f"{counts['real']:,} interactions of {source['name']} and {counts['synthetic']:,} of simulated users "
        f"({about['ratio']:.3f} for each real one), for training recommenders. Every row says whether it is synthetic, "
        "which run it comes from, what decided it, and its weight."
    )


def making(about: dict[str, Any]) -> str:
    """Return how the synthetic rows came to be."""
    behaviors = sorted({one["kind"] for run in about["runs"] for one in run["behaviors"] or []})
    kinds = ", ".join(one["kind"] for one in about["strategies"])
    return (
        f"Simulated users ({', '.join(behaviors)}) were shown slates by recommenders in {len(about['runs'])} runs of "
        f"Tasteloop; what they took was chosen by: {kinds}. The users were fitted on real interactions that precede "
        "the evaluation split."
    )


def preparing(about: dict[str, Any]) -> str:
    """Return what was left out and how time was placed."""
    left_out = about["counts"]["left_out"]
    return (
        f"Left out: {left_out['known']:,} rows whose user is known to have taken the item, {left_out['repeated']:,} "
        f"repeats, {left_out['not_trusted']:,} by sources not asked for, {left_out['over_ratio']:,} over the ratio. "
        "Simulated time begins where the source data ends; rows were placed between a user's last training row and its "
        "first row of the evaluation split, in their order. The evaluation split is not part of this."
    )


def limits(about: dict[str, Any]) -> str:
    """Return what the rows cannot be used for."""
    return (
        "Synthetic rows are predictions of models of users, not observations. Times of synthetic rows order them and "
        "say nothing of when people visit. How often users engage is set by an assumption of the simulation."
    )


def biases(about: dict[str, Any]) -> str:
    """Return how the rows are biased."""
    shown = sorted({run["recommender"]["kind"] for run in about["runs"]})
    return (
        "Synthetic rows hold only what recommenders showed "
        f"({', '.join(shown)}): their biases of exposure and popularity are in the data, with those of the source and "
        "of the models that users decide by."
    )


def privacy(about: dict[str, Any]) -> str:
    """Return what of persons is in the rows."""
    return (
        "Names of users are the pseudonyms of the source. Simulated users are learned from the histories of real ones, "
        "so synthetic rows may tell of real tastes; no guarantee of privacy is given."
    )
