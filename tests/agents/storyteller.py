"""A language model that writes narratives as it is asked to, at its first or second try."""

import re
from dataclasses import dataclass, replace

from agents.llm.base import Answer, Prompt
from agents.llm.scripted import Scripted


@dataclass
class Storyteller(Scripted):
    """Write what a question for a narrative wants.

    tries: questions until the text fits.
    """

    tries: int = 1

    async def ask(self, prompt: Prompt) -> Answer:
        answer = await super().ask(prompt)
        if prompt.purpose not in ("narrate", "repair") or prompt.kind != "text":
            return answer
        return replace(answer, text=story(prompt) if prompt.attempt + 1 >= self.tries else "Once upon a time.")


def story(prompt: Prompt) -> str:
    """What fits the quantities a prompt gives."""
    asked = prompt.messages[1].text
    liked = re.findall(r"the best first: (.*)", asked)[0]
    words = re.findall(r'"([^"]+)"', asked.rpartition("hold these words")[2])
    return f"You love {liked}. You are one who {', who '.join(words)}."
