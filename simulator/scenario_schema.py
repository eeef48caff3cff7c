"""What a scenario file may hold: a JSON Schema for editors and a page for people, both from the code."""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

from simulator.components import FAMILIES, find, names, schema
from simulator.scenario import Scenario, duration

PLACES = {
    ("Scenario", "behavior"): "behaviors",
    ("UsersSection", "persona"): "personas",
    ("Scenario", "data"): "data",
    ("Scenario", "recommender"): "recommenders",
    ("RecommenderSection", "levers"): "levers",
    ("Scenario", "llm"): "llm",
}
"""(Section, key) -> the family of the components that may stand there."""
SECTIONS = {"data": "DataSection", "recommenders": "RecommenderSection"}


def explain(cls: type[Any]) -> tuple[str, dict[str, str]]:
    """Return the first line of a component's docstring, and the meaning of each parameter (``name: meaning``).

    Parameters that a base class declares may be explained there.
    """
    meanings: dict[str, str] = {}
    for c in reversed(cls.__mro__[:-1]):
        meanings |= _meanings(inspect.cleandoc(c.__doc__ or "").splitlines()[1:])
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0], meanings


def _meanings(lines: list[str]) -> dict[str, str]:
    meanings: dict[str, str] = {}
    name = ""
    for line in lines:
        match = re.match(r"`*(\w+)`*: +(.+)", line)
        if match:
            name, meanings[match[1]] = match[1], match[2]
        elif name and line.startswith(" "):
            meanings[name] += f" {line.strip()}"
        else:
            name = ""
    return meanings


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of scenario files, every installed component with its parameters."""
    whole = _draft7(Scenario.model_json_schema())
    definitions = whole.setdefault("definitions", {})
    sections = {"Scenario": whole, **definitions}
    for (section, key), family in PLACES.items():
        sections[section]["properties"][key] = _place(sections[section]["properties"][key], family)
    for family in FAMILIES:
        definitions[family] = _family(family, definitions.pop(SECTIONS.get(family, ""), {}))
    whole["properties"]["extends"] = {
        "type": "string",
        "default": "",
        "description": "another scenario file to lay this one on (a path relative to this file)",
    }
    whole["required"] = []
    whole["description"] = "A Tasteloop scenario; `required` holds for the file with those it extends."
    return {"$schema": "http://json-schema.org/draft-07/schema#", **whole}


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
    return "\n".join(part.rstrip() + "\n" for part in parts)


_HEAD = """# Scenario files

Written by `python run_sim.py schema --markdown`; edit the docstrings it comes from, not this file.

A scenario is YAML 1.2. Unknown keys are errors; durations carry their unit (`30s`, `5m`, `12h`, `7d`, `2w`);
`kind:` names a component: a file of its folder, `package.module:Class`, or an installed entry point.
`extends: other.yaml` lays this file on another one; `--set a.b=value` lays a value on both.
`python run_sim.py validate FILE` names every problem; `python run_sim.py schema` writes a JSON Schema for editors.
"""
_TABLE = "| key | value | default | meaning |\n|---|---|---|---|\n"
_TITLES = {
    "data": "Data sets (`data`)",
    "personas": "Personas (`users.persona`)",
    "behaviors": "Behaviors (`behavior`)",
    "llm": "Language models (`llm.NAME`)",
    "recommenders": "Recommenders (`recommender`)",
    "levers": "Levers (`recommender.levers`)",
}


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


_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def _component(family: str, kind: str) -> str:
    cls = find(family, kind)
    about, meanings = explain(cls)
    rows = [_row(k, v | {"description": meanings.get(k, "")}) for k, v in _parameters(cls).items()]
    return f"### `{kind}`\n\n{about}\n" + (f"\n{_TABLE}{''.join(rows)}" if rows else "")


def _draft7(value: Any) -> Any:
    """Rename $defs, and let keys beside a $ref count by moving it into allOf."""
    if isinstance(value, list):
        return [_draft7(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    out = {("definitions" if k == "$defs" else k): _draft7(v) for k, v in value.items()}
    if isinstance(out.get("title"), str):
        del out["title"]
    if "pattern" in out and isinstance(out.get("default"), float):
        out["default"] = duration(out["default"])
    if "x-family" in out:
        out["$ref"] = f"#/definitions/{out.pop('x-family')}"
    if "$ref" in out:
        out["$ref"] = out["$ref"].replace("#/$defs/", "#/definitions/")
        if len(out) > 1:
            out["allOf"] = [{"$ref": out.pop("$ref")}]
    return out


def _place(old: dict[str, Any], family: str) -> dict[str, Any]:
    """Return the schema of a key that holds components of a family."""
    reference = {"$ref": f"#/definitions/{family}"}
    rest = {key: value for key, value in old.items() if key in ("description", "default")}
    if family == "recommenders":
        del rest["default"]  # the file, or its study's arms, must name one
    if family == "levers":
        return {"type": "array", "items": reference, **rest}
    if family == "llm":
        return {"type": "object", "additionalProperties": reference, **rest}
    return {"allOf": [reference], **rest}


def _family(family: str, section: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a family's specs: each kind's own parameters beside the section's keys."""
    shared = {key: value for key, value in section.get("properties", {}).items() if key != "kind"}
    kinds = [(kind, find(family, kind)) for kind in names(family)]
    known = [{"const": kind, "description": explain(cls)[0]} for kind, cls in kinds]
    other = {"type": "string", "pattern": "[:.]", "description": "kind:variant or package.module:Class"}
    return {
        "type": "object",
        "description": section.get("description", f"One of the {family}."),
        "properties": {"kind": {"anyOf": [*known, other]}, **shared},
        **({"allOf": [_when(kind, cls, shared) for kind, cls in kinds]} if kinds else {}),
    }


def _when(kind: str, cls: type[Any], shared: dict[str, Any]) -> dict[str, Any]:
    about, meanings = explain(cls)
    own = {k: v | ({"description": meanings[k]} if k in meanings else {}) for k, v in _parameters(cls).items()}
    required = [key for key, value in own.items() if "default" not in value and key != "variant"]
    pattern = f"^{re.escape(kind)}(:.*)?$"
    return {
        "if": {"properties": {"kind": {"type": "string", "pattern": pattern}}, "required": ["kind"]},
        "then": {
            "description": about,
            "properties": {"kind": {}, **shared, **own},
            "required": required,
            "additionalProperties": False,
        },
    }


def _parameters(cls: type[Any]) -> dict[str, dict[str, Any]]:
    return dict(_draft7(schema(cls))["properties"])
