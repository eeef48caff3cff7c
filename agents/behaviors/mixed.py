"""A population whose users do not all decide in the same way."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.behaviors.base import Behavior
from agents.errors import InvalidInput
from agents.pages import join, take
from agents.schema import Decisions, Draws, Ints, Pages, Setting


@dataclass
class Mixed(Behavior):
    """Give each user one of several behaviors, by keyed draw against their shares.

    members: the behaviors, each with its share, for example
    [{kind: llm, share: 0.2, model: local}, {kind: calibrated, share: 0.8}].
    """

    members: tuple[Behavior, ...]
    _draws: Draws = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.members:
            raise InvalidInput("members: a mixed behavior needs at least one")

    def shares(self) -> Sequence[tuple[Behavior, float]]:
        """Return every member that is not itself mixed, with its share of the whole."""
        found = []
        for member in self.members:
            inner = member.shares()
            whole = sum(share for _, share in inner)
            found += [(behavior, member.share * share / whole) for behavior, share in inner]
        return tuple(found)

    def prepare(self, setting: Setting) -> None:
        """Prepare every member."""
        self._draws = setting.draws
        for behavior, _ in self.shares():
            behavior.prepare(setting)

    def assign(self, draws: Draws, user_id: Ints) -> Ints:
        """Return, per user, the index into ``shares()`` of the behavior it has."""
        edges = np.cumsum([share for _, share in self.shares()])
        draw = draws.uniform("behavior", user_id) * edges[-1]
        return np.asarray(np.searchsorted(edges, draw, side="right"), dtype=np.int64)

    def respond(self, pages: Pages) -> Decisions:
        """Let each row's own behavior answer it."""
        member = self.assign(self._draws, pages.user_id)
        parts, order = [], []
        for place, (behavior, _) in enumerate(self.shares()):
            rows = np.flatnonzero(member == place)
            parts.append(behavior.respond(take(pages, rows)))
            order.append(rows)
        back = np.argsort(np.concatenate(order), kind="stable")
        return take(join(parts), back)
