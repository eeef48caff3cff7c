"""Scenario files: read with every problem named, expand studies, write back with every default."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from agents.errors import InvalidInput
from agents.redaction import redacted
from simulator.checks import KEEP, check, components
from simulator.components import build, describe
from simulator.problems import Problem, Where, unknown
from simulator.scenario import STANDARD_ARMS, Scenario, StudySection
from simulator.source import BadSource, Mark, Source, lay, load, merge, put

Check = Callable[[Any], list[Problem]]
"""Finds problems in a scenario's data."""

UNDIGESTED = frozenset({"measures", "engine", "budget", "name", "description", "study"})
"""Sections that cannot change a log."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a file, with its place in the text."""

    path: str
    message: str
    mark: Mark

    def __str__(self) -> str:
        return self.mark.point(f"{self.path}: {self.message}" if self.path else self.message)


class InvalidScenario(InvalidInput):
    """A scenario file is wrong; ``findings`` holds every problem."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


def read(path: Path, overrides: Sequence[str] = (), also: Check = lambda _data: []) -> Scenario:
    """Return the scenario of a file with ``a.b=value`` overrides laid on it.

    Raise InvalidScenario with all problems, those of every arm and those that ``also`` finds included. A study's
    scenario may leave ``recommender.kind`` empty where its arms supply it.
    """
    source = _with_bases(path)
    for text in overrides:
        source = put(source, text, KEEP)
    found = list(dict.fromkeys([*_all_problems(source.data), *also(source.data)]))
    if found:
        findings = [_finding(source, path, problem) for problem in found]
        raise InvalidScenario(sorted(findings, key=lambda f: (f.mark.file, f.mark.line, f.mark.column)))
    return Scenario.model_validate(source.data)


def has_study(path: Path) -> bool:
    """Tell whether a scenario file, or a file it extends, has a ``study:`` section; False where it is unreadable."""
    try:
        data = _with_bases(path).data
    except InvalidInput:
        return False
    return isinstance(data, dict) and data.get("study") is not None


Point = dict[str, Any]
"""A point of a study's grid: a value for each of its keys."""


class Part(NamedTuple):
    """One run that a scenario file stands for."""

    arm: str
    seed: int
    scenario: Scenario
    point: int
    """Place in ``points``."""


def points(study: StudySection | None) -> list[Point]:
    """Return every combination of a grid's values, the last key's changing fastest; one empty point without a grid."""
    grid = study.grid if study else {}
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def expand(scenario: Scenario) -> list[Part]:
    """Return what a file stands for, arms in their order, then points, seeds counted from the scenario's.

    A scenario without study is one part with an empty arm.
    """
    study = scenario.study
    if study is None:
        return [Part("", scenario.seed, scenario, 0)]
    base = scenario.model_dump(mode="json", exclude_unset=True, exclude={"study"})
    parts = []
    for arm, changes in study.every_arm.items():
        for place, point in enumerate(points(study)):
            data = merge(_at(base, point), changes, KEEP)
            first = Scenario.model_validate(data)
            for seed in range(first.seed, first.seed + study.seeds):
                parts.append(Part(arm, seed, Scenario.model_validate(data | {"seed": seed}), place))
    return parts


def _at(data: dict[str, Any], point: Point) -> dict[str, Any]:
    """Return a scenario's data at a point of the grid."""
    for key, value in point.items():
        *sections, last = key.split(".")
        change: Any = {last: value}
        for section in reversed(sections):
            change = {section: change}
        data = merge(data, change, KEEP)
    return data


def resolved(scenario: Scenario) -> str:
    """Return the scenario as YAML with every default; reading it gives an equal scenario."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    complete, text = _complete(scenario), io.StringIO()
    # U+0085 is written as it is but read as a line break, unless everything beyond ASCII is escaped
    yaml.allow_unicode = "\x85" not in json.dumps(complete, ensure_ascii=False)
    yaml.dump(complete, text)
    return text.getvalue()


def digest(scenario: Scenario) -> str:
    """Return 32 hex digits over all that can change a log: measures, engine, budget, names and the study are left out.

    A file that a component names counts by what is in it.
    """
    data = {key: value for key, value in _complete(scenario).items() if key not in UNDIGESTED}
    files = _files(scenario)
    if files:
        data["files"] = files
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()


def _files(scenario: Scenario) -> dict[str, str]:
    """Return the hash of each file that a parameter of a component names."""
    found = {}
    for family, where, spec in components(scenario.model_dump(mode="json")):
        component = build(family, spec)
        for field in fields(component):
            value = getattr(component, field.name, None)
            path = value.expanduser() if isinstance(value, Path) else None
            if path and path.is_file():
                with path.open("rb") as file:
                    found[".".join((*map(str, where), field.name))] = hashlib.file_digest(file, "blake2b").hexdigest()
    return found


def _complete(scenario: Scenario) -> dict[str, Any]:
    """Return the scenario as plain data with every default, those of components included."""
    data = scenario.model_dump(mode="json")
    if not data["recommender"]["kind"]:
        del data["recommender"]["kind"]
    for family, where, spec in components(data):
        holder: Any = data
        for step in where[:-1]:
            holder = holder[step]
        section = {key: value for key, value in holder[where[-1]].items() if key in KEEP.get(where, ())}
        described = describe(family, build(family, spec))
        if ":" in spec["kind"] and "variant" in described and "variant" not in spec:
            del described["variant"]  # the kind says it
        holder[where[-1]] = {**described, **section, "kind": spec["kind"]}
    return data


def _with_bases(path: Path, below: tuple[Path, ...] = ()) -> Source:
    """Load a file and lay it on the file it extends, if any."""
    source = load(path)
    if not isinstance(source.data, dict) or "extends" not in source.data:
        return source
    name = source.data.pop("extends")
    mark = source.values[("extends",)]
    if not isinstance(name, str) or not name.isprintable():  # surrogates and control characters name no file
        raise BadSource("extends: is the path of another scenario file", mark)
    base, chain = path.parent / name, (*below, path.resolve())
    if base.resolve() in chain:
        raise BadSource(f"extends: {name} leads back to this file", mark)
    if not base.is_file():
        raise BadSource(f"extends: there is no file {base}", mark)
    return lay(_with_bases(base, chain), source, KEEP)


def _all_problems(data: Any) -> list[Problem]:
    """Return the problems of the base and of every arm, each at the place that wrote the value."""
    found = check(data)
    study = data.get("study") if isinstance(data, dict) else None
    arms = study.get("arms", {}) if isinstance(study, dict) else None
    if not (isinstance(study, dict) and isinstance(arms, dict)):
        return found
    standard = _standard(study)
    baseline = study.get("baseline")
    if isinstance(baseline, str) and baseline not in {**arms, **standard}:
        known = ", ".join(map(str, {**arms, **standard}))
        found.append(Problem(("study", "baseline"), f"{baseline!r} is no arm; the arms are: {known}"))
    base = {key: value for key, value in data.items() if key != "study"}
    for arm, changes in arms.items():
        if isinstance(changes, dict):
            found += _of_arm(("study", "arms", arm), changes, base, {problem.where for problem in found})
    for arm, place in standard.items():
        said = {problem.where for problem in found}
        of_arm = check(merge(base, STANDARD_ARMS[arm], KEEP))
        found += [Problem(place, p.message) for p in of_arm if p.where not in said]
    every = {**arms, **{arm: STANDARD_ARMS[arm] for arm in standard}}
    found += _of_grid(study.get("grid"), base, every)
    return found + _of_hypotheses(study.get("hypotheses"), every)


def _of_grid(grid: Any, base: dict[str, Any], arms: dict[str, Any]) -> list[Problem]:
    """Return the problems of every value of a grid, laid on the scenario by itself."""
    found: list[Problem] = []
    for key, values in grid.items() if isinstance(grid, dict) else ():
        at: Where = ("study", "grid", key)
        where = tuple(str(key).split("."))
        if where[0] in ("study", "extends", "name", "seed", "measures", "engine", "budget"):
            found.append(Problem(at, "a grid cannot vary this", key=True))
            continue
        changing = [arm for arm, changes in arms.items() if _holds(changes, where)]
        if changing:
            found.append(Problem(at, f"arm {changing[0]} has a value of its own for it", key=True))
        for place, value in enumerate(values if isinstance(values, list) else ()):
            wrong = (p for p in check(_at(base, {str(key): value})) if p.where[: len(where)] == where)
            found += [Problem((*at, place), problem.message) for problem in wrong]
    return found


def _of_hypotheses(hypotheses: Any, arms: dict[str, Any]) -> list[Problem]:
    """Return the arms that hypotheses name and the study has not."""
    found = []
    for place, said in enumerate(hypotheses if isinstance(hypotheses, list) else ()):
        for key in ("arm", "against"):
            arm = said.get(key) if isinstance(said, dict) else None
            if isinstance(arm, str) and arm and arm not in arms:
                found.append(Problem(("study", "hypotheses", place, key), unknown(arm, "arm", list(arms))))
    return found


def _standard(study: dict[str, Any]) -> dict[str, Where]:
    """Return the standard arms that a study asks for, each with the place that says so."""
    names = study.get("standard_arms")
    places = enumerate(names if isinstance(names, list) else ())
    return {name: ("study", "standard_arms", n) for n, name in places if name in STANDARD_ARMS}


def _of_arm(at: Where, changes: dict[str, Any], base: dict[str, Any], said: set[Where]) -> list[Problem]:
    wrong = [key for key in ("study", "extends", "name", "measures") if key in changes]
    found = [Problem((*at, key), "an arm cannot change this", key=True) for key in wrong]
    rest = {key: value for key, value in changes.items() if key not in wrong}
    for problem in check(merge(base, rest, KEEP)):
        if _holds(rest, problem.where) or not _holds(base, problem.where):
            found.append(Problem((*at, *problem.where), problem.message, problem.key))
        elif problem.where not in said:
            found.append(problem)
    return found


def _holds(data: Any, where: Where) -> bool:
    for step in where:
        inside = isinstance(data, dict) and step in data
        if not inside and not (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            return False
        data = data[step]
    return True


def _finding(source: Source, path: Path, problem: Problem) -> Finding:
    mark = source.mark(problem.where, key=problem.key) or Mark(str(path), 1, 1, "")
    return Finding(redacted(".".join(map(str, problem.where))), redacted(problem.message), mark)
