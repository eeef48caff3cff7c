"""Every fault of a language model's endpoint, over real sockets and both transports: no answer lost, none changed."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.asking import structured
from agents.asking.structured import Said
from agents.errors import MissingResource
from agents.llm.base import Answer, Kind, Message, Prompt
from agents.llm.dispatcher import Dispatcher
from agents.llm.journal import Journal
from agents.llm.openai import OpenAI
from agents.llm.wrappers.limited import Limited
from agents.llm.wrappers.recorded import Recorded
from tests.stub_server import running, stats

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)
SCHEMA = structured.schema(5, LEVELS)
LETTERS = tuple("ABCDE")
LEAN = 60
"""Questions; the library is slower and gets fewer."""
SDK = 20
PASSING = [
    "429:0.3",
    "429-bare:0.3",
    "429-date:0.3",
    "408:0.3",
    "409:0.3",
    "500:0.3",
    "502:0.3",
    "503:0.3",
    "drop:0.3",
    "reset:0.3",
    "half:0.3",
    "hang:0.1",
    "slow:0.1",
    "html:0.3",
    "not_http:0.3",
    "not_utf8:0.3",
    "empty:0.3",
    "chunked:0.5",
    "closing:0.5",
    "429:0.3,500:0.05,hang:0.02,drop:0.05,reset:0.05,html:0.05",
    "429@0-0.5",
    "503@0-0.5",
    "dead@0-0.7",
]


def question(number: int, kind: Kind = "structured") -> Prompt:
    asked = (Message("system", "You watch films."), Message("user", f"question {number}"))
    if kind == "labels":
        return Prompt("labels", "choose", asked, number, number, labels=LETTERS)
    return Prompt("structured", "choose", asked, number, number, schema=SCHEMA)


def answers(
    url: str,
    journal: Path,
    transport: str,
    count: int,
    *,
    model: str = "stub",
    kind: Kind = "structured",
    tries: int = 9,
) -> dict[int, Answer]:
    """Ask everything at once, as a run does; the endpoint is not probed, so that the faults meet questions."""

    class Unprobed(OpenAI):
        kinds = frozenset[Kind](("structured", "labels"))

        async def open(self) -> None:
            self.connect()

    backend = Unprobed(model, base_url=url, timeout_s=0.5, transport=transport)  # type: ignore[arg-type]
    with Journal(journal) as book:
        recorded = Recorded(Limited(backend, concurrency=16, attempts=tries, backoff_s=0.05), book)
        with Dispatcher({"local": recorded}) as dispatcher:
            for number in range(count):
                dispatcher.submit(number, "local", question(number, kind))
            told: dict[int, Answer] = {}
            while len(told) < count:
                told.update(dispatcher.completed(block=True))
            assert dispatcher.under_way == 0
    return told


def content(told: dict[int, Answer]) -> dict[int, object]:
    return {number: (one.status, one.text, one.logprobs, one.finish_reason) for number, one in told.items()}


@pytest.fixture(scope="module")
def well() -> Iterator[str]:
    """A server at which only models named after a fault meet one."""
    with running() as url:
        yield url


@pytest.fixture(scope="module")
def calm(well: str, tmp_path_factory: pytest.TempPathFactory) -> dict[int, object]:
    """What is answered where nothing goes wrong."""
    told = answers(well, tmp_path_factory.mktemp("calm") / "j", "lean", LEAN)
    assert all(isinstance(structured.parse(one, 5, LEVELS), Said) for one in told.values())
    assert len({one.text for one in told.values()}) > 10
    return content(told)


@pytest.mark.parametrize("faults", PASSING)
def test_what_passes_loses_no_answer_and_changes_none(faults: str, calm: dict[int, object], tmp_path: Path) -> None:
    with running(faults) as url:
        told = answers(url, tmp_path / "j", "lean", LEAN)
        if not faults.startswith("dead"):
            assert sum(count for name, count in stats(url).items() if name not in ("ok", "peak", "probes")) > 0
    assert content(told) == calm
    if "chunked" not in faults and "closing" not in faults:
        assert max(one.attempts for one in told.values()) > 1
    assert content(answers(url, tmp_path / "j", "lean", LEAN)) == calm, "the journal has them all, and nobody is asked"


@pytest.mark.parametrize("faults", ["429:0.3,500:0.1,drop:0.1", "hang:0.1,slow:0.1", "html:0.2,not_utf8:0.2,empty:0.2"])
def test_the_library_comes_to_the_same(faults: str, calm: dict[int, object], tmp_path: Path) -> None:
    with running(faults) as url:
        told = answers(url, tmp_path / "j", "sdk", SDK)
    assert content(told) == {number: calm[number] for number in range(SDK)}


@pytest.mark.parametrize("transport", ["lean", "sdk"])
@pytest.mark.parametrize(
    ("fault", "flaw"),
    [
        ("malformed", "not_json"),
        ("truncated", "truncated"),
        ("refused", "not_json"),
        ("out_of_slate", "out_of_slate"),
        ("nan", "off_scale"),
        ("inf", "off_scale"),
        ("huge", "truncated"),
    ],
)
def test_bad_content_is_an_answer_whose_flaw_has_a_name(
    fault: str, flaw: str, transport: str, well: str, tmp_path: Path
) -> None:
    (answer,) = answers(well, tmp_path / "j", transport, 1, model=fault).values()
    assert (answer.status, answer.attempts, structured.parse(answer, 5, LEVELS)) == ("ok", 1, flaw)
    assert (tmp_path / "j").stat().st_size < 1 << 18, "a journal is not filled with what nobody will read"


@pytest.mark.parametrize("transport", ["lean", "sdk"])
@pytest.mark.parametrize("fault", ["nan", "inf"])
def test_probabilities_that_are_none_are_flawed(fault: str, transport: str, well: str, tmp_path: Path) -> None:
    from agents.asking.scored import flaw

    (answer,) = answers(well, tmp_path / "j", transport, 1, model=fault, kind="labels").values()
    assert flaw(answer, len(LETTERS)) == "not_finite"


@pytest.mark.parametrize("transport", ["lean", "sdk"])
@pytest.mark.parametrize("fault", ["500", "hang", "drop", "reset", "half", "html", "not_utf8", "empty"])
def test_what_does_not_pass_fails_as_data_after_all_tries(
    fault: str, transport: str, well: str, tmp_path: Path
) -> None:
    (answer,) = answers(well, tmp_path / "j", transport, 1, model=fault, tries=2).values()
    assert (answer.status, answer.attempts) == ("failed", 2)
    assert "http://127.0.0.1" in answer.error
    with Journal(tmp_path / "j", read_only=True) as journal:
        assert len(journal) == 2, "the failure is recorded beside what the model supports"


@pytest.mark.parametrize("transport", ["lean", "sdk"])
@pytest.mark.parametrize("fault", ["400", "422"])
def test_what_a_retry_cannot_change_fails_at_once(fault: str, transport: str, well: str, tmp_path: Path) -> None:
    (answer,) = answers(well, tmp_path / "j", transport, 1, model=fault).values()
    assert (answer.status, answer.attempts) == ("failed", 1)
    assert f"HTTP {fault}: fault {fault}" in answer.error


@pytest.mark.parametrize("transport", ["lean", "sdk"])
@pytest.mark.parametrize(
    ("fault", "remedy"), [("401", "check the key"), ("403", "check the key"), ("404", "model name")]
)
def test_what_only_the_user_can_mend_ends_the_run(
    fault: str, remedy: str, transport: str, well: str, tmp_path: Path
) -> None:
    with pytest.raises(MissingResource, match=remedy):
        answers(well, tmp_path / "j", transport, 3, model=fault)


def test_a_wrong_key_that_the_endpoint_repeats_appears_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789")
    with running(key="another") as url, pytest.raises(MissingResource, match="HTTP 401") as caught:
        answers(url, tmp_path / "j", "lean", 1)
    assert "sk-planted" not in str(caught.value) + caplog.text
    assert b"sk-planted" not in (tmp_path / "j").read_bytes()


def test_a_full_server_is_asked_no_more_than_it_can_do(calm: dict[int, object], tmp_path: Path) -> None:
    started = time.monotonic()
    with running(latency=0.02, slots=4, profile="lognormal") as url:
        told = answers(url, tmp_path / "j", "lean", LEAN)
        assert stats(url)["peak"] == 4
    assert content(told) == calm
    assert time.monotonic() - started > LEAN * 0.02 / 4 / 3


def test_answers_are_a_function_of_what_is_asked(well: str, calm: dict[int, object], tmp_path: Path) -> None:
    told = answers(well, tmp_path / "j", "sdk", SDK)
    assert content(told) == {number: calm[number] for number in range(SDK)}
    assert json.loads(told[0].text)["leave"] in structured.LEAVE
