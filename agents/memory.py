"""What a user remembers of its visits: episodes, bounded, recalled by recency and relevance."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.schema import Action, Item
from agents.untrusted import clean

HALF_LIFE_MINUTES = 7 * 1440.0
"""Time after which an episode counts half when it competes for recall."""
TITLE_CAP = 80
"""Characters of a title that enter a prompt."""
SKIPPED_IMPORTANCE = 0.1


def tokens(text: str) -> int:
    """Return about how many tokens a text costs: one per three UTF-8 bytes, rounded up.

    English prose costs a token per four bytes in common vocabularies, titles and names one per
    three; the higher figure is used so that the ceiling errs on the safe side.

    >>> tokens("watched Heat")
    4
    """
    return -(-len(text.encode()) // 3)


@dataclass(frozen=True, slots=True)
class Episode:
    """One thing that happened; ``importance`` decides what is forgotten."""

    now: float
    item: Item
    action: Action
    rating: float
    importance: float

    def text(self) -> str:
        """Return the episode as one line."""
        title = clean(self.item.title, TITLE_CAP)
        if self.action != Action.WATCH:
            return f"- day {int(self.now // 1440) + 1}: passed over {title}"
        given = f", rated {self.rating:g}" if self.rating == self.rating else ""
        return f"- day {int(self.now // 1440) + 1}: watched {title}{given}"


@dataclass
class Memory:
    """Episodes in order of time, at most ``capacity`` of them; recall at most ``ceiling`` tokens.

    When full, the least important episode goes, the oldest of equals first.
    """

    ceiling: int = 300
    capacity: int = 200
    episodes: list[Episode] = field(default_factory=list, init=False)

    def remember(self, now: float, item: Item, action: Action, rating: float) -> None:
        """Append what happened to one item; items the user did not read leave no trace."""
        if action == Action.UNSEEN or not self.capacity:
            return
        importance = 1.0 if action == Action.WATCH else SKIPPED_IMPORTANCE
        self.episodes.append(Episode(now, item, action, rating, importance))
        if len(self.episodes) > self.capacity:
            least = min(range(len(self.episodes)), key=lambda place: self.episodes[place].importance)
            del self.episodes[least]

    def recall(self, now: float, items: Sequence[Item]) -> str:
        """Return the episodes that matter most now for these items, oldest first, one a line.

        Episodes compete by importance x recency (half-life a week) x (1 + the share of their
        genres that the items have); as many as fit the token ceiling are told.
        """
        genres = {genre for item in items for genre in item.genres}
        ranked = sorted(
            range(len(self.episodes)), key=lambda place: (-_weight(self.episodes[place], now, genres), -place)
        )
        told: dict[int, str] = {}
        left = self.ceiling
        for place in ranked:
            line = self.episodes[place].text()
            cost = tokens(line + "\n")
            if cost <= left:
                told[place] = line
                left -= cost
        return "\n".join(told[place] for place in sorted(told))


def _weight(episode: Episode, now: float, genres: set[str]) -> float:
    recency: float = 2.0 ** (-(now - episode.now) / HALF_LIFE_MINUTES)
    own = episode.item.genres
    relevance = sum(genre in genres for genre in own) / len(own) if own else 0.0
    return episode.importance * recency * (1.0 + relevance)
