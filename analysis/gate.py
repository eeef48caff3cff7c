"""Limits on differences between arms, for scripts that must fail where one is crossed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agents.errors import InvalidInput
from analysis.compare import compare
from analysis.load import Study

FORM = re.compile(r"(\w+)(?:@(\w+))?\s*([<>])\s*([+-]?\d*\.?\d+)\s*(%?)")


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit on the mean paired difference of an arm from the baseline, in units of the metric or in percent."""

    text: str
    metric: str
    on: str
    above: bool
    limit: float
    percent: bool

    @staticmethod
    def read(text: str) -> "Gate":
        """Return the gate that ``METRIC@ON>LIMIT%`` describes, ``@ON`` and ``%`` optional; raise InvalidInput.

        >>> Gate.read("gini_index>+5%").limit, Gate.read("view_ratio@user<-0.01").on
        (5.0, 'user')
        """
        found = FORM.fullmatch(text.strip())
        if found is None:
            raise InvalidInput(
                f"--fail-if {text!r}: write METRIC>LIMIT or METRIC<LIMIT, such as 'gini_index>+5%' or "
                "'view_ratio@user<-0.01'"
            )
        metric, on, side, limit, percent = found.groups()
        return Gate(text, metric, on or "", side == ">", float(limit), bool(percent))

    def crossed(self, study: Study) -> Iterator[str]:
        """Yield a sentence per arm, popularity snapshot and point of the grid where the difference is beyond the limit.

        Raise InvalidInput where there is no such figure.
        """
        table = compare(study, [self.metric], groups=("all",))
        on = self.on or ("shown" if "shown" in set(table["on"]) else table["on"].iloc[0])
        rows = table[table["on"] == on]
        if not len(rows):
            known = ", ".join(sorted(set(table["on"])))
            raise InvalidInput(f"--fail-if {self.text!r}: {self.metric} is not measured on {on!r}; on: {known}")
        for row in rows.to_dict("records"):
            change = row["difference"] / abs(row["baseline_mean"]) * 100 if self.percent else row["difference"]
            if change > self.limit if self.above else change < self.limit:
                at = f" at {row['where']}" if row["where"] else ""
                by = f"{change:+.3g} %" if self.percent else f"{change:+.4g}"
                yield f"{self.text}: {row['arm']}{at} differs from {row['baseline']} by {by} in {self.metric} on {on}"
