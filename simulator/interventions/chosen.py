"""Which items an intervention is about: what those that choose items share."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.errors import InvalidInput
from agents.schema import Bools, Ints
from simulator.catalog import Catalog
from simulator.interventions.base import Intervention, Scene
from simulator.problems import unknown

NAMED = 5
"""Items that the log names before it only counts."""
Part = Annotated[float, Field(ge=0, le=1)]


@dataclass
class Chosen(Intervention):
    """Choose items in exactly one of four ways.

    items: ids of items as the data set writes them.
    genre: all items of a genre.
    most_popular: this share of the catalog, the items with the largest public counts (ties by item id).
    share: this share of the catalog, drawn by seed.
    """

    items: tuple[str, ...] = ()
    genre: str = ""
    most_popular: Part = 0.0
    share: Part = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        ways = ("items", "genre", "most_popular", "share")
        given = [way for way in ways if getattr(self, way)]
        if len(given) != 1:
            said = f"{' and '.join(given)} are" if given else "nothing is"
            raise InvalidInput(f"{said} given; say which items by exactly one of {', '.join(ways)}")

    def chosen(self, scene: Scene) -> Bools:
        """Return which items of the catalog are meant; raise InvalidInput where it has none such."""
        catalog, everything = scene.catalog, len(scene.catalog)
        if self.items:
            return _named(self.items, catalog)
        if self.genre:
            if self.genre not in catalog.genres:
                raise InvalidInput(unknown(self.genre, "genre", catalog.genres))
            return np.asarray(catalog.genre_matrix[:, catalog.genres.index(self.genre)] > 0)
        if self.most_popular:
            return first(np.argsort(-scene.popularity, kind="stable"), self.most_popular)
        return first(np.argsort(scene.uniform("items", np.arange(everything)), kind="stable"), self.share)


def first(order: Ints, share: float) -> Bools:
    """Return where the first of an order are, a share of them, at least one."""
    there = np.zeros(len(order), dtype=np.bool_)
    there[order[: max(round(share * len(order)), 1)]] = True
    return there


def told(items: Bools, catalog: Catalog) -> str:
    """Return items as the log names them: a few by their ids, more by their number."""
    which = np.flatnonzero(items).tolist()
    names = ", ".join(catalog.names[item] for item in which[:NAMED])
    count = f"{len(which):,} item{'s' * (len(which) != 1)}"
    return f"{count}: {names}{', ...' if len(which) > NAMED else ''}" if which else count


def _named(names: tuple[str, ...], catalog: Catalog) -> Bools:
    place = {name: item for item, name in enumerate(catalog.names)}
    for name in names:
        if name not in place:
            raise InvalidInput(unknown(name, "item", catalog.names) if len(place) < 50 else _no_item(name, catalog))
    there = np.zeros(len(catalog), dtype=np.bool_)
    there[[place[name] for name in names]] = True
    return there


def _no_item(name: str, catalog: Catalog) -> str:
    examples = ", ".join(catalog.names[:3])
    return f"unknown item {name!r}; items go by their ids in the data set, such as {examples}"
