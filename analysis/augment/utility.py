"""What recommenders gain by synthetic rows: trained on real, synthetic and both, tested on real ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.interval import interval
from agents.schema import Floats
from analysis.augment.case import Case
from analysis.augment.controls import BOOTSTRAP, CONTROLS
from analysis.augment.exam import ALL, AMONG_COLD, COLD, COLD_ITEMS, SPLITS, WARM_ITEMS, Exam
from analysis.augment.orderings import orderings
from analysis.augment.quality import NO_LLM, SYNTHETIC, Say, Seeded, absent
from analysis.augment.sampling import some_rows
from analysis.compare import Contrast, contrast, verdict
from analysis.offline import levered

if TYPE_CHECKING:
    from simulator.catalog import Interactions

FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "linear": {"kind": "ease"},
    "transformer": {"kind": "sasrec", "epochs": 3, "width": 32, "length": 20},
    "semantic ID": {"kind": "semantic_id", "epochs": 3, "width": 32, "length": 20},
}
"""The recommenders that are trained; the networks are small and trained briefly, far less than their defaults."""
RATIOS = (0.1, 0.25, 0.5, 1.0)
"""Synthetic rows added to real ones, per real row."""
REAL, ALONE, ADDED = "real", "alone", "added"
"""What is trained on: real rows, a source's rows alone, or real rows with a source's added."""


@dataclass(frozen=True)
class Arm:
    """One training set: the source of what is not real, how it is used, and its rows per real row."""

    source: str
    use: str
    ratio: float


def sources(case: Case, no_llm: Case | None, draws: Seeded) -> "dict[str, tuple[Interactions, Floats]]":
    """Return the rows that can be trained on beside real ones, each with the weights they are drawn by."""
    found = {SYNTHETIC: (case.synthetic, case.weight)}
    for name, control in CONTROLS.items():
        rows = control(case, case.synthetic, draws)
        found[name] = (rows, np.ones(len(rows)))
    if no_llm is not None:
        found[NO_LLM] = (no_llm.synthetic, no_llm.weight)
    return found


def arms(
    case: Case, rows: "Mapping[str, tuple[Interactions, Floats]]", ratios: Sequence[float], draws: Seeded
) -> "Iterator[tuple[Arm, Interactions]]":
    """Yield the training sets: real rows, and of each source its rows alone and with real ones, as far as they reach.

    A set of a higher ratio holds that of a lower one. Alone there are as many rows as real ones, or all of them.
    """
    real = len(case.real)
    yield Arm(REAL, REAL, 0.0), case.real
    for source, (log, weight) in rows.items():
        alone = some_rows(log, weight, real, draws)
        yield Arm(source, ALONE, len(alone) / real), alone
        for ratio in ratios:
            wanted = round(ratio * real)
            if wanted <= len(log):
                added = some_rows(log, weight, wanted, draws)
                yield Arm(source, ADDED, ratio), type(case.real).concatenate([case.real, added])


def of_seed(
    case: Case,
    no_llm: Case | None,
    families: Mapping[str, Mapping[str, Any]],
    ratios: Sequence[float],
    draws: Any,
    say: Say,
) -> dict[tuple[str, Arm], dict[str, float]]:
    """Return NDCG@10 of every split, family and training set for one seed.

    The seed draws the users tested, the controls, the rows mixed in and all that a fit draws.
    """
    test, rows = Exam.of(case, draws), sources(case, no_llm, draws)
    every = list(arms(case, rows, ratios, draws))
    found = {}
    for at, (family, spec) in enumerate(families.items()):
        for place, (arm, log) in enumerate(every):
            say((at + place / len(every)) / len(families), f"{family}, {arm.source} {arm.use} {arm.ratio:g}")
            recommender = levered(spec)
            recommender.fit(log, case.catalog, rng=draws.generator("utility fit"))
            found[family, arm] = test.judged(recommender)
    return found


def utility(
    cases: Sequence[tuple[Case, Case | None]],
    families: Mapping[str, Mapping[str, Any]],
    ratios: Sequence[float],
    seeds: Sequence[Any],
    say: Say,
) -> dict[str, Any]:
    """Return every family's NDCG@10 by training set and split, what is gained over real rows, and all orderings.

    A case comes with the same pipeline's without the language model, if there is one; seeds take cases in turn.
    """
    found = []
    for place, draws in enumerate(seeds):

        def told(share: float, word: str, place: int = place) -> None:
            say((place + share) / len(seeds), f"seed {place + 1} of {len(seeds)}: {word}")

        found.append(of_seed(*cases[place % len(cases)], families, ratios, draws, told))
    # how many rows a bootstrap has differs by seed, so an arm is known by what it is asked to be
    values: dict[tuple[str, str, str, float], dict[str, Floats]] = {}
    for family, arm in found[0]:
        key = (family, arm.source, arm.use, 0.0 if arm.use == ALONE else arm.ratio)
        seen = [_of(seed, key) for seed in found]
        if all(seen):
            values[key] = {split: np.array([one[split] for one in seen]) for split in SPLITS}
    case, no_llm = cases[0]
    return {
        "data": case.name,
        "seeds": len(seeds),
        "families": {name: dict(spec) for name, spec in families.items()},
        "ratios": list(ratios),
        "counts": counts(case),
        "rows": [_row(key, values) for key in values],
        "orderings": list(_orderings(values, families)),
        "cold_items": list(cold_items(values, families)),
        "absent": absent(no_llm) | unreached(values, families, ratios),
    }


def _of(seed: Mapping[tuple[str, Arm], dict[str, float]], key: tuple[str, str, str, float]) -> dict[str, float]:
    for (family, arm), figures in seed.items():
        if (family, arm.source, arm.use) == key[:3] and (arm.use == ALONE or arm.ratio == key[3]):
            return figures
    return {}


Values = Mapping[tuple[str, str, str, float], Mapping[str, Floats]]


def _row(key: tuple[str, str, str, float], values: Values) -> dict[str, Any]:
    """Return one training set's figures, and what each split gains over training on real rows alone.

    More rows are more steps of training. So the gain is also told over as many bootstrapped real rows, where there are
    any: over those it is what the rows say that counts.
    """
    family, source, use, ratio = key
    base = values[family, REAL, REAL, 0.0]
    as_many = values.get((family, BOOTSTRAP, use, ratio))
    splits: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        mine = values[key][split]
        against = contrast(mine, base[split])
        splits[split] = {
            **interval(mine[~np.isnan(mine)]),
            "gained": against.difference,
            "gained_low": against.low,
            "gained_high": against.high,
            "verdict": "" if use == REAL else verdict(against.low, against.high),
        }
        if as_many is not None and source != BOOTSTRAP:
            beyond = contrast(mine, as_many[split])
            splits[split]["over_bootstrap"] = beyond.difference
            splits[split]["over_bootstrap_low"], splits[split]["over_bootstrap_high"] = beyond.low, beyond.high
    return {"family": family, "source": source, "use": use, "ratio": ratio, "splits": splits}


def _orderings(values: Values, families: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all pairs of sources, alone and added at the highest ratio that all reach, by family."""
    for family in families:
        for use, ratio in ((ALONE, 0.0), (ADDED, _common(values, family))):
            of = {key[1]: values[key][ALL] for key in values if key[0] == family and key[2:] == (use, ratio)}
            for row in orderings(of, more=True):
                yield {"family": family, "use": use, "ratio": ratio, **row}


def _common(values: Values, family: str) -> float:
    reached: dict[str, set[float]] = {}
    for name, source, use, ratio in values:
        if name == family and use == ADDED:
            reached.setdefault(source, set()).add(ratio)
    return max(set.intersection(*reached.values()), default=0.0) if reached else 0.0


def cold_items(values: Values, families: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what adding the synthetic rows does to cold and to warm items, by family and ratio.

    Cold items are ranked in the whole catalog, and alone; ``improves`` says whether a gain in their NDCG is shown,
    ``warm_kept`` whether the mean of warm items' stays within 2 %.
    """
    for family, source, use, ratio in values:
        if source != SYNTHETIC or use != ADDED:
            continue
        base, mine = values[family, REAL, REAL, 0.0], values[family, source, use, ratio]
        cold, warm, alone = (contrast(mine[split], base[split]) for split in (COLD_ITEMS, WARM_ITEMS, AMONG_COLD))
        change = warm.difference / warm.baseline_mean if warm.baseline_mean else float("nan")
        yield {
            "family": family, "ratio": ratio,
            "whole_catalog": _change(cold), "cold_alone": _change(alone),
            "warm_change": change, "warm_kept": abs(change) <= KEPT,
        }  # fmt: skip


def _change(found: Contrast) -> dict[str, Any]:
    """Return what was, what is gained, and whether an improvement is shown."""
    said = verdict(found.low, found.high)
    return {
        "before": found.baseline_mean,
        "gained": found.difference,
        "low": found.low,
        "high": found.high,
        "improves": said,
    }


KEPT = 0.02
"""Relative change of warm items' NDCG that counts as none."""


def counts(case: Case) -> dict[str, int]:
    """Return how much there is to train on and to be judged by."""
    cold = case.real.counts(len(case.catalog)) < COLD
    return {
        "real_rows": len(case.real),
        "synthetic_rows": len(case.synthetic),
        "users_asked": len(case.test.requests),
        "targets": len(case.test.target),
        "cold_items": int(cold.sum()),
        "cold_targets": int(cold[case.test.target].sum()),
        "synthetic_rows_of_cold_items": int(cold[case.synthetic.item_id].sum()),
    }


def unreached(values: Values, families: Mapping[str, Any], ratios: Sequence[float]) -> dict[str, str]:
    """Return the mixtures that a source has too few rows for."""
    every = dict.fromkeys(source for _, source, use, _ in values if use == ALONE)
    family = next(iter(families))
    return {
        f"{source} at {ratio:g}": "too few rows"
        for source in every
        for ratio in ratios
        if (family, source, ADDED, ratio) not in values
    }
