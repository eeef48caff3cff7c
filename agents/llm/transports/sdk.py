"""The ``openai`` library as a transport: https, proxies, and everything else that endpoints far away need."""

import asyncio
from collections.abc import Mapping
from typing import Any

from agents.llm.transports.base import Reply, Transport


class Sdk(Transport):
    """Send questions by the library, whose own retries are off; about 3 ms of processor time each."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        from openai import AsyncOpenAI

        self._client = AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=timeout_s)
        self._timeout_s = timeout_s

    async def post(self, request: Mapping[str, Any]) -> Reply:
        """Send a request; the timeout covers the whole reply, which the library's own does not."""
        import openai

        try:
            async with asyncio.timeout(self._timeout_s):
                raw = await self._client.chat.completions.with_raw_response.create(**request)
        except openai.APIStatusError as error:
            return Reply(error.status_code, error.response.content, error.response.headers)
        except openai.APITimeoutError as error:
            raise TimeoutError from error
        except openai.APIConnectionError as error:
            raise OSError(str(error.__cause__ or error)) from error
        return Reply(raw.status_code, raw.content, raw.headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
