"""The real data behind runs, for the commands that make datasets of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.errors import InvalidInput

if TYPE_CHECKING:
    from analysis.augment.source import Source
    from simulator.catalog import Interactions
    from simulator.data.base import Dataset
    from simulator.scenario import Scenario


def read_source(runs: Sequence[Path]) -> "Source":
    """Load the data set that all runs share and divide it as they did; raise InvalidInput where they differ."""
    from simulator.scenario_file import read

    scenarios = [read(run / "scenario.resolved.yaml", []) for run in runs]
    for run, scenario in zip(runs, scenarios, strict=True):
        if _data(scenario) != _data(scenarios[0]):
            raise InvalidInput(
                f"{run} is made from {_data(scenario)}, {runs[0]} from {_data(scenarios[0])}; "
                "a dataset has one source, divided one way"
            )
    return _source(scenarios[0])


def _data(scenario: "Scenario") -> dict[str, Any]:
    return scenario.data.spec() | {"held_out": scenario.data.split.held_out}


def _source(scenario: "Scenario") -> "Source":
    import pandas as pd

    from analysis.augment.source import PAIR, Source, among
    from simulator.cast import load
    from simulator.catalog import Interactions

    dataset, parts = load(scenario)
    train = _named(Interactions.concatenate([parts.users, parts.platform]), dataset)
    held_out = _named(parts.held_out, dataset)
    items = {
        "item": dataset.catalog.names,
        "title": [item.title for item in dataset.catalog.items],
        "genres": [list(item.genres) for item in dataset.catalog.items],
        "year": pd.array([item.year for item in dataset.catalog.items], dtype="Int64"),
    }
    return Source(
        facts=_facts(scenario, dataset),
        train=train,
        held_out=held_out.assign(taken_before=among(held_out, train, PAIR)),
        users=dataset.users,
        items=pd.DataFrame(items),
        scale=dataset.scale,
        end=dataset.epoch,
    )


def _named(log: "Interactions", dataset: "Dataset") -> Any:
    import numpy as np
    import pandas as pd

    from analysis.augment.source import unix

    return pd.DataFrame(
        {
            "user": np.array(dataset.users, dtype=object)[log.user_id],
            "item": np.array(dataset.catalog.names, dtype=object)[log.item_id],
            "rating": log.rating,
            "time": unix(log.time, dataset.epoch),
        }
    )


def _facts(scenario: "Scenario", dataset: "Dataset") -> dict[str, Any]:
    """Return what dataset.json says of the source; what no registry entry states is null."""
    from simulator.components import find

    entry = getattr(find("data", scenario.data.kind), "ENTRY", None)
    identity = {key: value for key, value in dataset.identity.items() if key not in ("rejected", "notes")}
    return {
        **identity,
        "name": dataset.name,
        "licence_text": entry.licence_text if entry else None,
        "redistributable": entry.redistributable if entry else None,
        "citation": identity.get("citation", ""),
        "scale": list(dataset.scale),
        "end": dataset.epoch,
        "data": scenario.data.spec(),
        "held_out": scenario.data.split.held_out,
    }
