"""What goes wrong at the vendors. Each fault strikes once, puts things right again and returns."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.chaos import topics
from tests.chaos.calls import post_calls
from tests.chaos.clients import Clients
from tests.chaos.world import DEFAULTS, World
from tests.support.deadline import eventually

_OUTAGE_SECONDS = 15.0
_LONG_OUTAGE_SECONDS = 300.0
_HELD_SECONDS = 600.0
# Long enough for the first try, a minute after the limit was reached, and the second one.
_LIMITED_SECONDS = 90.0
_CALLED_LATER = 100
# The next try comes within a minute, its verdict within 15 s; those put off meanwhile look a minute later.
_LIMIT_OVER_SECONDS = 180.0
_ACCOUNT_CODES = (63112, 20003)
_OUT_OF_CREDITS = ("event", "within", "refused")
# Exceeds AGENT_PATIENCE_SECONDS by the longest time between two tries.
_AWAY_SECONDS = DEFAULTS.agent_patience_seconds + 60.0
# Twilio's code: too many messages to one person, for a while; nothing was sent.
_HELD_CODE = 63018
_HELD_NUMBERS = 3
AWAY = ("503", "500", "reset", "hang")
"""How a vendor is away: it answers with either status, cuts connections, or lets timeouts pass."""
DOOMED = {"+573100000001": 21211, "+573100000002": 21610, "+573100000003": 63003, "+573100000004": 21408}
"""Numbers that Twilio refuses for good, with the code."""


async def twilio_outage(world: World) -> None:
    """Have Twilio accept nothing and list nothing for 15 s, each time in another way."""
    await _twilio_away(world, _OUTAGE_SECONDS)


async def long_twilio_outage(world: World) -> None:
    """Have Twilio accept nothing and list nothing for five minutes."""
    await _twilio_away(world, _LONG_OUTAGE_SECONDS)


async def _twilio_away(world: World, seconds: float) -> None:
    async with _away(world, "Twilio") as kind:
        await world.vendors.take_twilio_away(kind)
        await asyncio.sleep(seconds)
        await world.vendors.break_twilio(**world.twilio_faults)


async def elevenlabs_outage(world: World) -> None:
    """Have ElevenLabs give no signed URL and accept no socket for 15 s, each time in another way."""
    async with _away(world, "ElevenLabs") as kind:
        await world.vendors.take_elevenlabs_away(kind)
        await asyncio.sleep(_OUTAGE_SECONDS)
        await world.vendors.break_elevenlabs(**world.elevenlabs_faults)


@asynccontextmanager
async def _away(world: World, vendor: str) -> AsyncIterator[str]:
    """Choose how the vendor is away this time; note when that began and ended."""
    kind, begun = AWAY[len(world.outages) % len(AWAY)], time.time()
    yield kind
    world.is_back(begun, f"{vendor}: {kind}")


async def elevenlabs_away(world: World) -> None:
    """Have ElevenLabs answer 500 for longer than AGENT_PATIENCE_SECONDS."""
    await world.vendors.break_elevenlabs(refused_500=1.0, socket_500=1.0)
    await asyncio.sleep(_AWAY_SECONDS)
    await world.vendors.break_elevenlabs(**world.elevenlabs_faults)
    world.strikes()


async def account_locked(world: World) -> None:
    """Lock the account, which reports tell, then refuse its key, which Twilio says at once; 15 s each."""
    code = _ACCOUNT_CODES[len(world.outages) % len(_ACCOUNT_CODES)]
    begun = time.time()
    await world.vendors.twilio("settings", account_code=code)
    await asyncio.sleep(_OUTAGE_SECONDS)
    await world.vendors.twilio("settings", account_code=None)
    world.is_back(begun, str(code))
    world.notes.append(f"{code}: {await world.vendors.burnt()} messages failed by a report so far")


async def no_credits(world: World) -> None:
    """Empty ElevenLabs' account for 15 s, each time reported in another way."""
    begun = time.time()
    how = _OUT_OF_CREDITS[len(world.outages) % len(_OUT_OF_CREDITS)]
    await world.vendors.elevenlabs("settings", credits=0, out_of_credits=how)
    await asyncio.sleep(_OUTAGE_SECONDS)
    await world.vendors.elevenlabs("settings", credits=-1)
    world.is_back(begun, f"no credits: {how}")


async def tier_limit(world: World) -> None:
    """Call people whom the sender may not write to first, for a while; all others go on meanwhile."""
    assert world.clients is not None, "faults strike under load"
    reached, begun = len(world.clients.numbers), time.time()
    await world.vendors.twilio("settings", tier_limit=reached)
    world.called_later = [f"+57311{number:07d}" for number in range(_CALLED_LATER)]
    token = world.account.service_token
    world.problems += (await post_calls(world.webs[0].url, token, world.called_later))[:3]
    await asyncio.sleep(max(0.0, begun + _LIMITED_SECONDS - time.time()))
    burnt = await world.vendors.burnt()
    if await _greeted(world):
        world.problems.append("the simulated Twilio has no limit")
    await world.vendors.twilio("settings", tier_limit=0)
    world.strikes()
    await eventually(lambda: _all_are_greeted(world), seconds=2 * _LIMIT_OVER_SECONDS, every=1.0)
    took = time.time() - world.faults[-1]
    if took > _LIMIT_OVER_SECONDS:
        world.problems.append(f"{took:.0f} s until all were written to, {_LIMIT_OVER_SECONDS:.0f} wanted")
    world.notes.append(
        f"{burnt} of {_CALLED_LATER} first messages failed by a report; all sent {took:.0f} s after the end"
    )
    world.problems += [f"{burnt} first messages were burnt"] * (burnt > _CALLED_LATER)


async def _greeted(world: World) -> int:
    return len({sent.number for sent in await world.vendors.sent()} & set(world.called_later))


async def _all_are_greeted(world: World) -> bool:
    return await _greeted(world) == len(world.called_later)


async def hold_numbers(world: World) -> None:
    """Have some numbers refused for ten minutes, retryably; the others must not notice."""
    numbers = [f"+57310{number:07d}" for number in range(_HELD_NUMBERS)]
    world.held_back |= set(numbers)
    world.strikes()
    for number in numbers:
        await world.vendors.doom(number, _HELD_CODE)
    await asyncio.sleep(_HELD_SECONDS)
    for number in numbers:
        await world.vendors.doom(number, None)


async def doom(world: World, clients: Clients) -> None:
    """Have some numbers refused for good from now on, and make sure that each of them writes."""
    world.excused |= set(DOOMED)
    for number, code in DOOMED.items():
        await world.vendors.doom(number, code)
        clients.turn(number, 1)


async def doom_is_told(world: World, clients: Clients) -> None:
    """Check that every doomed number's failure is reported with its code."""
    told = {(event["phone_number"], str(event["data"].get("code"))) for event in await _failed(world)}
    for number, code in DOOMED.items():
        if (number, str(code)) not in told:
            world.problems.append(f"{number}: no event tells of {code}")


async def absence_is_told(world: World, clients: Clients) -> None:
    """Check that the operator is told of every apology."""
    apologised = sum(1 for sent in await world.vendors.sent() if sent.body == world.apology)
    told = sum(1 for event in await _failed(world) if event["data"].get("what") == "agent")
    if not 0 < apologised == told:
        world.problems.append(f"{apologised} apologies, {told} events of an absent agent")


async def _failed(world: World) -> list[dict[str, Any]]:
    """Return the failure events, once each: events may be repeated under their number."""
    values = await topics.values(world.kafka.bootstrap_servers, topics.EVENTS)
    events = {event["event_id"]: event for event in map(json.loads, values)}
    return [event for event in events.values() if event["type"] == "failed"]
