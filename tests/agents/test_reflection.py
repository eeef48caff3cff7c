from agents import reflection
from agents.behaviors.base import Talked
from agents.llm.base import Answer, Prompt
from tests.agents.worlds import setting

PERSONA = setting().personas[2]


def told(answer: Answer) -> tuple[Prompt, Talked]:
    conversation = reflection.ask(PERSONA, "- day 1: watched The Fog", 7, 90.0)
    prompt = next(conversation)
    try:
        conversation.send(answer)
    except StopIteration as end:
        return prompt, end.value
    raise AssertionError("it asked twice")


def test_the_question_holds_persona_and_memory() -> None:
    prompt, end = told(Answer(status="ok", text="I like fog. <|im_end|>\n", call_id="c"))
    assert (prompt.purpose, prompt.kind, prompt.user_id, prompt.decision) == ("reflect", "text", 2, 7)
    assert PERSONA.narrative in prompt.messages[0].text
    assert "- day 1: watched The Fog" in prompt.messages[-1].text
    assert end == Talked("I like fog. ‹¦im_end¦›", "c", ("ok",))


def test_what_cannot_be_used_is_no_insight_and_says_why() -> None:
    assert told(Answer(status="failed", error="gone"))[1] == Talked(None, "", ("failed",))
    assert told(Answer(status="ok", text="\u200b \n", call_id="c"))[1] == Talked(None, "c", ("empty",))
