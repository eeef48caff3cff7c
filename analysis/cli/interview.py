"""Talk to a user of a run, as it was at the end of it."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidInput, MissingResource
from analysis.options import Json

if TYPE_CHECKING:
    from agents.llm.base import Message
    from agents.llm.dispatcher import Dispatcher

MODEL = "interviewed"


def command(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="run folder", show_default=False)],
    user: Annotated[int, typer.Option(help="id of the user")],
    ask: Annotated[list[str] | None, typer.Option(help="a question (repeat); without one, questions are read")] = None,
    llm: Annotated[str | None, typer.Option(help="component that speaks for the user, instead of the run's")] = None,
    json_: Json = False,
) -> None:
    """Ask a user of a run questions; its persona and memory answer, and the run stays as it is.

    What it remembers is read off the log, so any user can be asked, also one that decided by rules.
    """
    from simulator.run import models

    scenario = spoken_by(folder, llm)
    if not scenario.llm:
        raise InvalidInput(f"{folder} was run without a language model; name one with --llm, such as --llm scripted")
    questions = iter(ask) if ask else _typed()
    opening = remembered(folder, scenario, user)
    with tempfile.TemporaryDirectory() as scratch, models(scenario, Path(scratch) / "answers.journal") as dispatcher:
        for turn in _talk(dispatcher, next(iter(scenario.llm)), opening, questions):
            print(json.dumps(turn) if json_ else turn["answer"], flush=True)


def spoken_by(folder: Path, llm: str | None) -> Any:
    """Return a run's scenario, with the component ``llm`` as its language model where one is named."""
    from analysis.execute import llm_overrides
    from simulator.scenario_file import read

    path = folder / "scenario.resolved.yaml"
    if not path.is_file():
        raise InvalidInput(f"{folder} is no run folder: it has no scenario.resolved.yaml")
    scenario = read(path, [])
    if llm and not scenario.llm:
        return read(path, [f"llm.{MODEL}={llm if llm.lstrip().startswith('{') else f'{{kind: {llm}}}'}"])
    return read(path, llm_overrides(scenario, llm)) if llm else scenario


def remembered(folder: Path, scenario: Any, user: int) -> "tuple[Message, ...]":
    """Return how a conversation with a user begins: its persona, its mood and what it remembers of the run."""
    from agents.memory import Memories
    from agents.template import load
    from analysis.load import load as load_run
    from simulator.cast import stage

    _, _, setting = stage(scenario)
    if not 0 <= user < len(setting.personas):
        raise InvalidInput(f"--user {user}: the run has the users 0 to {len(setting.personas) - 1}")
    memories = Memories(len(setting.personas), setting.items, setting.memory_tokens)
    run = load_run(folder)
    shown = run.table("impressions", ["now", "user_id", "item_id", "action", "rating", "feedback"])
    for _, page in shown[shown["user_id"] == user].groupby("now", sort=True):
        memories.remember(*_as_columns(page))
    told = run.table("users", ["user_id", "narrative"]).set_index("user_id")["narrative"]
    visits = run.table("sessions", ["user_id", "end", "satisfaction", "fatigue"])
    visits = visits[visits["user_id"] == user].sort_values("end")
    return load("interview").messages(
        persona=str(told[user]) or setting.personas[user].narrative,
        memory="\n".join(memories.of(user)) or "nothing yet",
        mood=_mood(float(visits["satisfaction"].iloc[-1]) if len(visits) else 0.5),
    )


def _as_columns(page: Any) -> tuple[Any, Any]:
    """Return the rows of one page of the log as a batch of one."""
    import numpy as np

    from agents.schema import Action, Decisions, Feedback, Pages

    count = len(page)
    item_id = page["item_id"].to_numpy()[None, :]
    none, one = np.zeros((1, count)), np.zeros(1, dtype=np.int64)
    pages = Pages(
        page["user_id"].to_numpy()[:1],
        page["now"].to_numpy()[:1],
        one,
        one,
        item_id,
        none,
        none.astype(np.int64),
        none[:, 0],
        none[:, 0],
    )
    action = np.array([[Action[str(name).upper()] for name in page["action"]]], dtype=np.int8)
    said = np.array([[Feedback[str(name).upper() or "NONE"] for name in page["feedback"]]], dtype=np.int8)
    code = np.zeros(1, dtype=np.int8)
    return pages, Decisions(action, page["rating"].to_numpy()[None, :], none, code, code, said)


def _mood(satisfaction: float) -> str:
    """Return satisfaction in words."""
    return "disappointed" if satisfaction < 0.3 else "pleased" if satisfaction > 0.6 else "indifferent"


def _typed() -> Iterator[str]:
    """Yield the lines of standard input that say something; ask for them on a terminal."""
    if sys.stdin.isatty():
        print("ask; an empty line ends", file=sys.stderr)
    for line in sys.stdin:
        if not line.strip():
            return
        yield line.strip()


def _talk(
    dispatcher: "Dispatcher", model: str, opening: "Sequence[Message]", questions: Iterator[str]
) -> Iterator[dict[str, str]]:
    """Yield each question with its answer, everything said before being part of the next question."""
    from agents.llm.base import Message, Prompt

    said = list(opening)
    for question in questions:
        said.append(Message("user", question))
        answer = dispatcher.ask(model, Prompt("text", "interview", tuple(said)))
        if answer.status != "ok":
            raise MissingResource(f"the language model gave no answer: {answer.error}")
        said.append(Message("assistant", answer.text))
        yield {"question": question, "answer": answer.text}
