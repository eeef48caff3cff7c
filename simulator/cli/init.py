"""``init``: a scenario to start from."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from agents.errors import InvalidInput, MissingResource

STARTER = """\
# A Tasteloop scenario. Run it:    python run_sim.py {file}
# Check it after a change:         python run_sim.py validate {file}
# Every key and its default:       scenarios/README.md, or python run_sim.py schema
name: {name}
seed: 1                      # the same seed and answers give the same log
days: 3

# Real interactions to learn from. An invented world needs no download; for a real one:
#   python run_sim.py data fetch ml-100k     and then     kind: ml-100k
data: {{kind: "synthetic:small", min_interactions: 10}}

users:
  count: 50
  persona: {{kind: from_history}}
  max_pages: 3               # pages a session cannot exceed

# How users decide. `calibrated` is fitted on real choices. To let a language model play some of them:
#   kind: mixed
#   members:
#     - {{kind: llm, share: 0.2, model: local}}
#     - {{kind: calibrated, share: 0.8}}
behavior: {{kind: calibrated}}

# Language models by the names behaviors use. An endpoint's key is named, never written:
#   api_key_env: MY_KEY
# llm:
#   local: {{kind: transformers, model: smollm2-135m-instruct}}

recommender:
  kind: ease
  slate_size: 10
  retrain: 1d                # simulated time between refits: 30m, 12h, 7d, or never

# Several recommenders before the same users, compared with the baseline:
# study:
#   baseline: popularity
#   seeds: 3
#   arms:
#     popularity: {{recommender: {{kind: popularity}}}}
#     ease: {{recommender: {{kind: ease}}}}
"""


def command(
    path: Annotated[Path, typer.Argument(help="file to write", metavar="NAME.yaml")] = Path("scenario.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Write a commented scenario that runs without download, to change from there."""
    if path.suffix not in (".yaml", ".yml"):
        raise InvalidInput(f"{path}: a scenario file ends in .yaml; write {path}.yaml")
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", path.stem)[:64].lstrip("_.-") or "scenario"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(STARTER.format(name=json.dumps(name), file=path))
    except FileExistsError:
        raise InvalidInput(f"{path} exists; choose another name") from None
    except OSError as error:
        raise MissingResource(f"cannot write {path}: {error.strerror}") from None
    typer.echo(json.dumps({"path": str(path)}) if as_json else str(path))
