"""What answers cost, and the caps on it."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.errors import InvalidInput
from agents.llm.base import Answer

_REMEMBERED = 4096


@dataclass
class Tally:
    """Count the answers of one model; what the journal or a twin question supplied costs nothing."""

    calls: int = 0
    cached: int = 0
    failed: int = 0
    attempts: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    priced: int = 0
    cost: float = 0.0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED), repr=False)

    def add(self, answer: Answer) -> None:
        """Count one more answer."""
        self.calls += 1
        self.cached += answer.cached
        self.failed += answer.status == "failed"
        if answer.cached:
            return
        self.attempts += answer.attempts
        self.tokens_in += answer.tokens_in
        self.tokens_cached += answer.tokens_cached
        self.tokens_out += answer.tokens_out
        self.priced += answer.cost is not None
        self.cost += answer.cost or 0.0
        self.latencies.append(answer.latency_s)

    def figures(self) -> dict[str, float | None]:
        """Return the counts, the cost (None where nothing was priced) and latency quantiles in seconds."""
        ordered = sorted(self.latencies)
        names = ("calls", "cached", "failed", "attempts", "tokens_in", "tokens_cached", "tokens_out")
        counts: dict[str, float | None] = {name: getattr(self, name) for name in names}
        return counts | {
            "cost": self.cost if self.priced else None,
            "p50_s": ordered[len(ordered) // 2] if ordered else None,
            "p95_s": ordered[len(ordered) * 95 // 100] if ordered else None,
        }


@dataclass(frozen=True)
class Budget:
    """Hard caps on a run's language models; reaching one ends the run at a window's end, resumable.

    ``started`` is a reading of ``time.monotonic()``; the wall clock only ever decides when to stop.
    """

    usd: float | None = None
    tokens: int | None = None
    minutes: float | None = None
    started: float = field(default_factory=time.monotonic)

    def reached(self, tallies: Mapping[str, Tally]) -> str:
        """Return which cap was reached, with its figure, or an empty string.

        Raises InvalidInput where dollars are capped and a model that answers has no price.
        """
        self._check_prices(tallies)
        spent = sum(tally.cost for tally in tallies.values())
        used = sum(tally.tokens_in + tally.tokens_out for tally in tallies.values())
        elapsed = (time.monotonic() - self.started) / 60
        if self.usd is not None and spent >= self.usd:
            return f"budget.usd: {spent:.4f} of {self.usd:g} US dollars spent"
        if self.tokens is not None and used >= self.tokens:
            return f"budget.tokens: {used} of {self.tokens} tokens used"
        if self.minutes is not None and elapsed >= self.minutes:
            return f"budget.minutes: {elapsed:.1f} of {self.minutes:g} minutes passed"
        return ""

    def _check_prices(self, tallies: Mapping[str, Tally]) -> None:
        for name, tally in tallies.items():
            if self.usd is not None and tally.tokens_out and not tally.priced:
                raise InvalidInput(
                    f"budget.usd is {self.usd:g}, but llm.{name} has no price: give it price_in and price_out "
                    "(US dollars per million tokens), or cap budget.tokens instead"
                )
