"""The backend's side: calls that have ended, posted as in the contract or produced to the topic."""

import asyncio
from typing import Any

import aiohttp

Json = dict[str, Any]
_AT_ONCE = 40
# The backend waits 10 s; a little more shows late answers instead of cutting them off.
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_TAKEN = (200, 202)


def name_of(number: str) -> str:
    """Return the client's name, which the first message repeats and so tells whom it was made for."""
    return f"Cliente{number.lstrip('+')}"


def body_of(number: str) -> Json:
    """Return the body required by the contract."""
    recipient = {
        "phone_number": number,
        "status": "completed",
        "conversation_id": f"conv_{number.lstrip('+')}",
    }
    return {
        "batch_id": "btcal_chaos",
        "agent_id": "agent_chaos",
        "agent_name": "Agente",
        "batch_name": "Chaos",
        "recipient": recipient,
        "call_metadata": {"client_name": name_of(number), "client_id": 42},
    }


async def post_calls(base: str, token: str, numbers: list[str], copies: int = 1) -> list[str]:
    """Post every number's call, `copies` of each at once; return the refusals."""
    connector = aiohttp.TCPConnector(limit=0)
    places = asyncio.Semaphore(_AT_ONCE)
    headers = {"X-Service-Token": token}
    async with aiohttp.ClientSession(base, headers=headers, timeout=_TIMEOUT, connector=connector) as session:

        async def post(number: str) -> list[str]:
            async with places:
                posts = [_post(session, body_of(number)) for _ in range(copies)]
                return [problem for problem in await asyncio.gather(*posts) if problem]

        refused = await asyncio.gather(*(post(number) for number in numbers))
    return [problem for problems in refused for problem in problems]


async def _post(session: aiohttp.ClientSession, body: Json) -> str | None:
    try:
        async with session.post("/api/call-completed", json=body) as response:
            text = await response.text()
            return None if response.status in _TAKEN else f"call-completed: {response.status} {text}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"call-completed: {type(error).__name__}"
