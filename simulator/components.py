"""Find and build components: ``{kind: popularity, half_life: 2d}`` names a module of the family's folder."""

from collections.abc import Mapping
from typing import Any

FAMILIES = {
    "data": ("simulator.data", "DataSource"),
    "recommenders": ("simulator.recommenders", "Recommender"),
    "levers": ("simulator.levers", "Lever"),
    "behaviors": ("agents.behaviors", "Behavior"),
    "personas": ("agents.personas", "PersonaSource"),
    "llm": ("agents.llm", "LanguageModel"),
}
"""Family -> (its folder, the base class in the folder's ``base.py``)."""


def find(family: str, kind: str) -> type[Any]:
    """Return the component class for a kind: a module of the folder, ``package.module:Class`` or an entry point."""
    raise NotImplementedError


def build(family: str, spec: Mapping[str, Any] | str) -> Any:
    """Return the component a spec describes; raise InvalidInput naming the bad key or value."""
    raise NotImplementedError
