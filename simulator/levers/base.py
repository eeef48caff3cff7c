"""What a lever is: one knob that changes what any recommender learns or shows."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from agents.errors import InvalidInput
from simulator.components import build, describe, find, names
from simulator.recommenders.base import Recommender


class Lever(ABC):
    """Change a recommender that is not fitted yet in one declared way, by one strength.

    A lever on training sets a field of the recommender; a lever on lists wraps it in one that keeps the contract of
    simulator.recommenders.base in full and learns what it needs at the same fit. So levers compose: each changes what
    the one before it returned, and whoever fits, saves, loads and serves need not know of them.
    """

    strength: float
    """How much is changed; 0 changes nothing, exactly."""

    def wrap(self, recommender: Recommender) -> Recommender:
        """Return the changed recommender; at strength 0, the recommender itself.

        Raise InvalidInput where the lever does not fit the recommender.
        """
        return recommender if self.strength == 0 else self.changed(recommender)

    @abstractmethod
    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender changed by a strength other than 0."""


def levered(spec: Mapping[str, Any] | str) -> Recommender:
    """Return the recommender that a spec describes, changed by its ``levers``, the first one innermost.

    Raise InvalidSpec where a component is wrong, InvalidInput where a lever does not fit the recommender.
    """
    plain, levers = parted(spec)
    recommender: Recommender = build("recommenders", plain)
    for lever in levers:
        recommender = lever.wrap(recommender)
    return recommender


def described(spec: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the spec with every parameter of the recommender and of each lever that changes anything."""
    plain, levers = parted(spec)
    effective = [describe("levers", lever) for lever in levers if lever.strength != 0]
    return describe("recommenders", build("recommenders", plain)) | ({"levers": effective} if effective else {})


def parted(spec: Mapping[str, Any] | str) -> tuple[dict[str, Any], list[Lever]]:
    """Return the spec without its levers, and the levers."""
    plain = {"kind": spec} if isinstance(spec, str) else dict(spec)
    given = plain.pop("levers", ())
    if not isinstance(given, list | tuple):
        raise InvalidInput(f"levers: {given!r} is no list; write levers: [{{kind: NAME, strength: NUMBER}}, ...]")
    return plain, [build("levers", lever) for lever in given]


def holder(recommender: Recommender, field: str, lever: str) -> Any:
    """Return the recommender, or the one inside it, that has a field; raise InvalidInput where there is none."""
    for part in nested(recommender):
        if field in getattr(part, "__dataclass_fields__", {}):
            return part
    known = [kind for kind in names("recommenders") if field in find("recommenders", kind).__dataclass_fields__]
    some = f"take one that has it ({', '.join(known)})" if known else "no recommender of this installation has it"
    raise InvalidInput(f"{lever}: {type(part).__name__} has no '{field}' to set; remove the lever, or {some}")


def nested(recommender: Recommender) -> Iterator[Recommender]:
    """Yield a recommender, the one it wraps (``inner``), the one that wraps, and so on."""
    part: Recommender | None = recommender
    while part is not None:
        yield part
        part = getattr(part, "inner", None)
