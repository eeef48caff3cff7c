"""The page that explains scenario files to people (scenarios/README.md), made from the schema."""

import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from simulator.components import find, names
from simulator.scenario_schema import PLACES, SECTIONS, explain, json_schema, parameters

LIBRARY = Path(__file__).parents[1] / "scenarios"
STUDIES = LIBRARY / "validation"
_HEAD = """# Scenario files

Written by `python run_sim.py schema --markdown`; edit the docstrings it comes from, not this file.

A scenario is YAML 1.2. Unknown keys are errors; durations carry their unit (`30s`, `5m`, `12h`, `7d`, `2w`);
`kind:` names a component: a file of its folder, `package.module:Class`, or an installed entry point.
`extends: other.yaml` lays this file on another one; `--set a.b=value` lays a value on both.
`python run_sim.py validate FILE` names every problem; `python run_sim.py schema` writes a JSON Schema for editors.
"""
_LIBRARY = """## Library

Scenarios to run as they are, to change, or to extend. Figures show one run of them each; how large, their captions say.
"""
_STUDIES = """## Validation studies

Published studies told as scenarios (`scenarios/validation/`), and a reference of this repository's own.
`python run_sim.py validation all` runs them and prints what they claim beside what came out, with intervals over seeds;
exit code 6 says that a claim failed. What each claims is in `analysis/validation/`.
"""
_TABLE = "| key | value | default | meaning |\n|---|---|---|---|\n"
_TITLES = {
    "data": "Data sets (`data`)",
    "personas": "Personas (`users.persona`)",
    "behaviors": "Behaviors (`behavior`)",
    "llm": "Language models (`llm.NAME`)",
    "recommenders": "Recommenders (`recommender`)",
    "levers": "Levers (`recommender.levers`)",
    "graphs": "Graphs (`social.graph`)",
    "interventions": "Interventions (`interventions`)",
}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def markdown() -> str:
    """Return the page that explains every key and every component."""
    whole = json_schema()
    parts = [_HEAD]
    for title, section in _sections(whole):
        rows = [_row(key, value) for key, value in section["properties"].items() if _documented(value)]
        if rows:
            parts.append(f"## {title}\n\n{section.get('description', '')}\n\n{_TABLE}{''.join(rows)}")
    for family, title in _TITLES.items():
        parts.append(f"## {title}\n\n" + "\n".join(_component(family, kind) for kind in names(family)))
    for head, folder in ((_LIBRARY, LIBRARY), (_STUDIES, STUDIES)):
        parts.append("\n".join([head, *map(_study, sorted(folder.glob("*.yaml")))]))
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _study(path: Path) -> str:
    """Return a scenario file's name, the paragraph it begins with and, where one was drawn, a figure of it."""
    comment = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    text = "\n".join(line.removeprefix("#").strip() for line in comment)
    figures = (f"![{one.stem}](figures/{one.name})\n" for one in sorted(LIBRARY.glob(f"figures/{path.stem}-*.png")))
    return "\n".join([f"### `{path.stem}`\n\n{text}\n", *figures])


def _sections(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a title and the schema of each section, in the order of the file."""
    yield "The file", whole
    for key in whole["properties"]:
        for name in (f"{key.capitalize()}Section", "Split" if key == "data" else ""):
            if name in whole["definitions"]:
                title = "data.split" if name == "Split" else key
                yield f"`{title}`", whole["definitions"][name]
        family = PLACES.get(("Scenario", key), "")
        if family in SECTIONS:
            own = whole["definitions"][family]["properties"]
            about = whole["definitions"][family]["description"]
            yield f"`{key}`", {"description": about, "properties": {k: v for k, v in own.items() if k != "kind"}}


def _documented(value: dict[str, Any]) -> bool:
    return not any(part.get("$ref", "").endswith("Section") for part in (value, *value.get("allOf", [])))


def _row(key: str, value: dict[str, Any]) -> str:
    default = "required" if "default" not in value else f"`{_yaml(value['default'])}`"
    cells = (f"`{key}`", _type(value), default, value.get("description", ""))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _yaml(value: object) -> str:
    """Write a default as it would be written in a file, in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    return json.dumps(value) if value is None or isinstance(value, bool) or value == "" else str(value)


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(part) for part in value["anyOf"]))
    if "enum" in value or "const" in value:
        return " or ".join(f"`{word}`" for word in value.get("enum", [value.get("const")]))
    reference = value.get("$ref") or next((part["$ref"] for part in value.get("allOf", []) if "$ref" in part), "")
    if reference:
        return reference.rpartition("/")[2].removesuffix("Section").lower()
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    if value.get("type") == "object":
        return "mapping"
    if "examples" in value:
        return "duration"
    bounds = [f"{sign} {value[k]:g}" for k, sign in _BOUNDS.items() if k in value]
    return " ".join([str(value.get("type", "any")), ", ".join(bounds)]).strip()


def _component(family: str, kind: str) -> str:
    cls = find(family, kind)
    about, meanings = explain(cls)
    rows = [_row(k, v | {"description": meanings.get(k, "")}) for k, v in parameters(cls).items()]
    return f"### `{kind}`\n\n{about}\n" + (f"\n{_TABLE}{''.join(rows)}" if rows else "")
