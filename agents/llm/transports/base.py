"""What carries questions to an OpenAI-compatible endpoint."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """Whatever the endpoint replied, refusals included; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Fixed(dict[str, Any]):
    """A part of a request that many requests share; ``text`` is its JSON, written once."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.text = json.dumps(content, separators=(",", ":"))


class Transport(ABC):
    """One client of one endpoint; it never tries twice."""

    @abstractmethod
    async def post(self, request: Mapping[str, Any]) -> Reply:
        """Send a chat-completions request.

        Raises TimeoutError where the whole reply is not there in time, OSError where the endpoint
        cannot be reached or breaks off, and ValueError for what is no HTTP.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""
