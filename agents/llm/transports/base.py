"""What carries questions to an OpenAI-compatible endpoint."""

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
