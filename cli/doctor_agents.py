"""`doctor` on ElevenLabs' side of a conversation: the agents' settings, who may sign, and the route of `rest`."""

import asyncpg
import httpx

from cli.findings import Finding
from db.queries import load
from schemas.settings import Settings
from streams.vendors.elevenlabs_agents import agent_problems

_sql = load("ops")
_SECONDS = 5.0
# More agents than one campaign has; each costs two requests.
_MOST_AGENTS = 20
_REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_ABSENT = (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED)


async def agents(settings: Settings) -> list[Finding]:
    """Look at the agents of the latest conversations and of unknown numbers; where there are none, at the workspace's.

    What cannot be reached, or refuses the key, is said by the check of ElevenLabs itself.
    """
    headers = {"xi-api-key": settings.elevenlabs_api_key or ""}
    async with httpx.AsyncClient(timeout=_SECONDS, base_url=settings.elevenlabs_api_base_url, headers=headers) as client:
        try:
            route = await _route(client) if settings.elevenlabs_transport == "rest" else []
            return route or [finding for each, has_call in (await _wanted(settings, client)).items()
                             for finding in await _look(client, each, has_call=has_call)]  # fmt: skip
        except (httpx.HTTPError, ValueError):
            return []


async def _wanted(settings: Settings, client: httpx.AsyncClient) -> dict[str, bool]:
    """Give the agents to look at, and whether their conversations follow calls."""
    wanted = dict.fromkeys(await _of_conversations(settings), True)
    if settings.unknown_number_agent_id:
        wanted[settings.unknown_number_agent_id] = False
    return wanted or dict.fromkeys(await _of_workspace(client), True)


async def _of_conversations(settings: Settings) -> list[str]:
    if settings.database_url is None:
        return []
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=_SECONDS)
        try:
            return [row["agent_id"] for row in await connection.fetch(_sql.latest_agents, _MOST_AGENTS)]
        finally:
            await connection.close()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError):
        return []


async def _of_workspace(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/v1/convai/agents", params={"page_size": _MOST_AGENTS})
    rows = answer.json().get("agents") if answer.status_code == httpx.codes.OK else None
    return [str(row["agent_id"]) for row in rows or [] if isinstance(row, dict) and row.get("agent_id")]


async def _look(client: httpx.AsyncClient, agent_id: str, *, has_call: bool) -> list[Finding]:
    what = f"agent {agent_id}"
    answer = await client.get(f"/v1/convai/agents/{agent_id}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return [Finding(what, "unknown to ElevenLabs", "it is another workspace's, or gone: check ELEVENLABS_API_KEY")]
    if answer.status_code in _REFUSED:
        return [Finding(what, "cannot be looked at", "give the key the permission convai_read")]
    if answer.status_code != httpx.codes.OK:
        return [Finding(what, f"ElevenLabs answers {answer.status_code}", "see the vendor's status page")]
    found = [Finding(what, *each) for each in agent_problems(answer.json(), has_call=has_call)]
    found += await _signing(client, agent_id, what)
    return found or [Finding(what, "ok")]


async def _signing(client: httpx.AsyncClient, agent_id: str, what: str) -> list[Finding]:
    answer = await client.get("/v1/convai/conversation/get-signed-url", params={"agent_id": agent_id})
    if answer.status_code not in _REFUSED:
        return []
    return [Finding(what, "no signed URL: the key itself goes along instead", "give the key the permission convai_write")]


async def _route(client: httpx.AsyncClient) -> list[Finding]:
    """An empty question is refused where the route is there, and has no effect."""
    answer = await client.post("/v1/convai/conversations/doctor/message", json={})
    detail = answer.json().get("detail") if answer.status_code in _ABSENT else None
    if answer.status_code in _ABSENT and not isinstance(detail, dict):
        advice = "ElevenLabs' public API has none: set ELEVENLABS_TRANSPORT=auto, or no message is answered"
        return [Finding("ELEVENLABS_TRANSPORT", "rest, but there is no such route", advice)]
    return []
