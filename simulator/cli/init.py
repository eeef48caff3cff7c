"""``init``: something to start from."""

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

RECOMMENDER = Path(__file__).resolve().parents[1] / "starters" / "recommender.py"


def command(
    path: Annotated[Path, typer.Argument(help="file to write", metavar="NAME.yaml|NAME.py")] = Path("scenario.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="print one line of JSON")] = False,
) -> None:
    """Write a commented scenario that runs without download, or a recommender of your own, to change from there."""
    if path.suffix not in (".yaml", ".yml", ".py"):
        raise InvalidInput(f"{path}: a scenario file ends in .yaml, a recommender's in .py; write {path}.yaml")
    text = _recommender(path) if path.suffix == ".py" else _scenario(path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInput(f"{path} exists; choose another name") from None
    except OSError as error:
        raise MissingResource(f"cannot write {path}: {error.strerror}") from None
    typer.echo(json.dumps({"path": str(path)}) if as_json else str(path))


def _scenario(path: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", path.stem)[:64].lstrip("_.-") or "scenario"
    return STARTER.format(name=json.dumps(name), file=path)


def _recommender(path: Path) -> str:
    """Return the starter with the file's name as that of its module and, in capitals, of its class."""
    if not path.stem.isidentifier() or path.stem.startswith("_"):
        raise InvalidInput(f"{path}: the name of a module has letters, digits and _ only, such as my_recommender.py")
    name = "".join(word[:1].upper() + word[1:] for word in path.stem.split("_"))
    text = RECOMMENDER.read_text(encoding="utf-8")
    return text.replace("recommender:Starter", f"{path.stem}:{name}").replace("class Starter", f"class {name}")
