"""``injection``: what collaborative vectors give a text model, on warm items and on items training never shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli.experiment import Figure, experiment, spread, tell
from analysis.options import Json, ScenarioFile

if TYPE_CHECKING:
    import numpy as np

    from agents.schema import Bools, Floats, Ints
    from simulator.catalog import Catalog, Interactions
    from simulator.recommenders.base import Recommender, Requests

CONTROLS = ("text_only", "soft", "placebo", "ensemble", "verbalised")
OTHERS = 50
"""Items that each one really taken is compared with, drawn in proportion to how often they are taken."""


def command(
    scenario: ScenarioFile,
    cold: Annotated[float, typer.Option(min=0.01, max=0.5, help="share of items kept out of training")] = 0.1,
    seeds: Annotated[int, typer.Option(min=1, help="fits, each with other cold items; intervals from 2 on")] = 3,
    out: Annotated[Path | None, typer.Option(help="folder for injection.json and the figure")] = None,
    json_: Json = False,
) -> None:
    """Compare collaborative injection with its controls on warm items and on items that training never shows.

    The file's recommender is a collm without injection.
    """
    with experiment(scenario, "collm", "injection") as asked:
        found: list[dict[str, Any]] = []
        for seed in range(seeds):
            trial = Trial.of(asked.dataset.interactions, asked.dataset.catalog, cold, seed)
            for control, recommender in fitted(asked.spec, trial, asked.dataset.catalog, seed):
                asked.say(f"seed {seed + 1}/{seeds}  {control}")
                found.append({"injection": control, "seed": seed, **trial.figures(recommender)})
    told = {"data": asked.dataset.name, "recommender": asked.spec, "cold": cold, "seeds": seeds, "rows": table(found)}
    tell(told, "injection", panel, show, out, json_)


@dataclass(frozen=True)
class Trial:
    """One draw of cold items: what is learned from, and questions about what users took next.

    Question q of user ``q`` asks which of ``offers[q]`` was taken: the first column. Everything offered beside a cold
    item is cold, beside a warm one warm, so that neither familiarity nor popularity tells them apart.
    """

    train: "Interactions"
    requests: "Requests"
    offers: "Ints"
    cold: "Bools"

    @staticmethod
    def of(log: "Interactions", catalog: "Catalog", share: float, seed: int) -> "Trial":
        """Keep a keyed share of the items out of training, and every user's last warm and last cold item."""
        import numpy as np

        from analysis.offline import leave_one_out
        from simulator.seeds import Streams

        streams = Streams(seed)
        is_cold = streams.uniform("cold item", np.arange(len(catalog))) < share
        there = is_cold[log.item_id]
        held_out = leave_one_out(log.take(~there), catalog)
        last = {int(user): int(item) for user, item in zip(log.user_id[there], log.item_id[there], strict=True)}
        users = held_out.requests.user_id
        with_cold = np.flatnonzero(np.isin(users, list(last)))
        rows = np.concatenate([np.arange(len(users)), with_cold])
        target = np.concatenate([held_out.target, [last[user] for user in users[with_cold].tolist()]]).astype(np.int64)
        cold = np.arange(len(rows)) >= len(users)
        draws = streams.generator("injection offers")
        taken = {int(user): set(log.item_id[log.user_id == user].tolist()) for user in np.unique(users)}
        pools = {True: log.item_id[there], False: log.item_id[~there]}
        offers = [
            np.append(one, others(pools[bool(kind)], taken[int(users[row])], draws))
            for row, one, kind in zip(rows, target, cold, strict=True)
        ]
        return Trial(held_out.train, held_out.requests.take(rows), np.stack(offers), cold)

    def figures(self, model: "Recommender") -> dict[str, float]:
        """Return, on warm and cold items, the share of others that the one taken beats, and its NDCG@10 among them."""
        import numpy as np

        scores = np.take_along_axis(model.score(self.requests), self.offers, axis=1)
        ahead = (scores[:, 1:] > scores[:, :1]).sum(axis=1) + 0.5 * (scores[:, 1:] == scores[:, :1]).sum(axis=1)
        auc, ndcg = 1 - ahead / OTHERS, np.where(ahead < 10, 1 / np.log2(2 + ahead), 0.0)
        parts = {"warm": ~self.cold, "cold": self.cold}
        return {
            f"{name}_{part}": float(values[rows].mean())
            for part, rows in parts.items()
            for name, values in (("auc", auc), ("ndcg", ndcg))
        }


def others(pool: "Ints", taken: set[int], draws: "np.random.Generator") -> "Ints":
    """Return items of a log that a user did not take, drawn as often as they stand in it."""
    import numpy as np

    drawn = [item for item in pool[draws.integers(0, len(pool), 20 * OTHERS)].tolist() if item not in taken]
    return np.array((drawn * OTHERS)[:OTHERS], dtype=np.int64)


def fitted(spec: Mapping[str, Any], trial: Trial, catalog: "Catalog", seed: int) -> "Iterator[tuple[str, Recommender]]":
    """Yield every control fitted; all but the verbalised one share one text model."""
    from simulator.components import build
    from simulator.seeds import Streams

    streams = Streams(seed)
    text = None
    for control in CONTROLS:
        model = build("recommenders", {**spec, "injection": control})
        if text is None or control == "verbalised":
            model.fit(trial.train, catalog, rng=streams.generator("injection fit"))
            text = text or model.state()
        else:
            model.load_state(text)
            model.inject(trial.train, seed=int(streams.words("injection", 0)))
        yield control, model


def table(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per control: means with intervals over seeds, and paired gains over the text alone."""
    import numpy as np

    from agents.interval import interval

    def values(control: str, name: str) -> "Floats":
        return np.array([one[name] for one in found if one["injection"] == control])

    names = [name for name in found[0] if name not in ("injection", "seed")]
    rows = []
    for control in CONTROLS:
        row: dict[str, Any] = {"injection": control}
        for name in names:
            mine, text = (values(one, name) for one in (control, CONTROLS[0]))
            row[name], row[f"{name}_gained"] = interval(mine), interval(mine - text)
        rows.append(row)
    return rows


def panel(told: Mapping[str, Any]) -> Figure:
    """Return the injection panel."""
    from analysis.plots.injection_panel import InjectionPanel, caption, tidy

    return "injection_panel", InjectionPanel(caption(told)), tidy(told)


def show(told: Mapping[str, Any]) -> None:
    """Print the controls, and what each gains over the text alone."""
    from rich.console import Console
    from rich.table import Table

    names = [name for name in told["rows"][0] if name != "injection" and not name.endswith("_gained")]
    printed = Table(title=f"Injection on {told['data']}, {told['seeds']} seeds, 95 % intervals (gain over text alone)")
    for heading in ("injection", *names):
        printed.add_column(heading, justify="left" if heading == "injection" else "right", no_wrap=True)
    for row in told["rows"]:
        cells = (f"{spread(row[name])} ({spread(row[f'{name}_gained'], sign='+')})" for name in names)
        printed.add_row(row["injection"], *cells)
    screen = Console()
    Console(width=None if screen.is_terminal else 170).print(printed)
