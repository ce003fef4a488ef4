"""`doctor` on ElevenLabs: the agents' settings, the permission to sign URLs, and the route of `rest`."""

from urllib.parse import quote

import aiohttp

from cli.doctor_checks import Finding
from clients.elevenlabs.agent_settings import agent_problems
from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.errors import Forbidden, NotThere
from clients.http import open_session
from db.pool import CONNECT_ERRORS, connect
from db.readers.ops import LATEST_AGENTS
from schemas.errors import TerminalError, VendorError
from schemas.settings import Settings

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_CONNECTIONS = 5
_DATABASE_SECONDS = 5.0
# More agents than one campaign has; each costs two requests.
_MOST_AGENTS = 20
_UNAUTHORIZED = 401


async def agents(settings: Settings) -> list[Finding]:
    """Check the agents of the latest conversations and of unknown numbers, or else those of the workspace.

    If ElevenLabs cannot be reached or refuses the key, its own check says so.
    """
    async with open_session(_TIMEOUT, _CONNECTIONS) as session:
        api = ElevenLabsApi(settings, session)
        try:
            if settings.elevenlabs_transport == "rest" and (missing := await _route(api)):
                return missing
            wanted = await _wanted(settings, api)
            return [finding for each in wanted for finding in await _look(api, each, has_call=wanted[each])]
        except VendorError:
            return []


async def _wanted(settings: Settings, api: ElevenLabsApi) -> dict[str, bool]:
    """Return the agents to check, and whether each one's conversations follow calls."""
    wanted = dict.fromkeys(await _of_conversations(settings), True)
    if settings.unknown_number_agent_id:
        wanted[settings.unknown_number_agent_id] = False
    return wanted or dict.fromkeys(await _of_workspace(api), True)


async def _of_conversations(settings: Settings) -> list[str]:
    if settings.database_url is None:
        return []
    try:
        connection = await connect(settings.database_url, _DATABASE_SECONDS)
        try:
            return await LATEST_AGENTS.all(connection, _MOST_AGENTS)
        finally:
            await connection.close()
    except CONNECT_ERRORS:
        return []


async def _of_workspace(api: ElevenLabsApi) -> list[str]:
    try:
        rows = (await api.get("/v1/convai/agents", {"page_size": str(_MOST_AGENTS)})).get("agents")
    except TerminalError:
        return []
    return [str(row["agent_id"]) for row in rows or [] if isinstance(row, dict) and row.get("agent_id")]


async def _look(api: ElevenLabsApi, agent_id: str, *, has_call: bool) -> list[Finding]:
    what = f"agent {agent_id}"
    try:
        agent = await api.get(f"/v1/convai/agents/{quote(agent_id, safe='')}")
    except VendorError as error:
        if error.code is None:
            raise
        return [Finding(what, *_refusal(error))]
    found = [Finding(what, *each) for each in agent_problems(agent, has_call=has_call)]
    found += await _signing(api, agent_id, what)
    return found or [Finding(what, "ok")]


def _refusal(error: VendorError) -> tuple[str, str]:
    if isinstance(error, NotThere):
        return "unknown to ElevenLabs", "it is another workspace's, or gone: check ELEVENLABS_API_KEY"
    if _is_refused(error):
        return "cannot be looked at", "give the key the permission convai_read"
    return f"ElevenLabs answers {error.code}", "see the vendor's status page"


async def _signing(api: ElevenLabsApi, agent_id: str, what: str) -> list[Finding]:
    try:
        await api.get("/v1/convai/conversation/get-signed-url", {"agent_id": agent_id})
    except VendorError as error:
        if error.code is None:
            raise
        if _is_refused(error):
            found = "no signed URL: the key itself goes along instead"
            return [Finding(what, found, "give the key the permission convai_write")]
    return []


async def _route(api: ElevenLabsApi) -> list[Finding]:
    """Check that the route exists by an empty question, which it refuses and which has no effect."""
    try:
        await api.post("/v1/convai/conversations/doctor/message", {})
    except NotThere as error:
        if not error.name:  # a missing thing has an error name, a missing route has none
            advice = (
                "ElevenLabs' public API has none: set ELEVENLABS_TRANSPORT=auto, or no message is answered"
            )
            return [Finding("ELEVENLABS_TRANSPORT", "rest, but there is no such route", advice)]
    except VendorError as error:
        if error.code is None:
            raise
    return []


def _is_refused(error: VendorError) -> bool:
    return isinstance(error, Forbidden) or error.code == _UNAUTHORIZED
