"""Strangers who try everything on `web` at once, and holders of the token who ask for the impossible."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.chaos import topics
from tests.chaos.odd_clients import NUMBERS
from tests.chaos.world import World

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_FORM = "application/x-www-form-urlencoded"
# If a sender may choose it, punycode takes seconds for such a body.
_CHARSETS = (
    "punycode",
    "utf-7",
    "idna",
    "hz",
    "rot13",
    "base64",
    "zlib",
    "bz2",
    "unicode_escape",
    "iso2022_jp",
    "none",
)
_SLOW_BODY = b"language=" + b"a-" * 60_000
_INFLATED = gzip.compress(bytes(8 * 1024 * 1024))
_UPLOADS, _GUESSES = 50, 100
_ATTEMPTS_A_MINUTE = 5
_BACK_SECONDS = 30.0
_FAR_AWAY = {"command": "resume", "by": "y", "seen": 2**63}
_DIGITS = "9" * 5000

Session = aiohttp.ClientSession


async def come(world: World) -> None:
    """Have them all come at once."""
    token = {"X-Service-Token": world.account.service_token}
    async with Session(
        world.webs[0].url, timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        results = await asyncio.gather(
            _choose_encodings(session),
            _upload(session),
            _guess(world, session),
            _ask_nonsense(session, token),
            return_exceptions=True,
        )
    world.problems += [f"strangers: {each!r}" for each in results if isinstance(each, BaseException)]
    world.problems += [each for result in results if isinstance(result, list) for each in result]


async def _status(session: Session, method: str, path: str, **more: Any) -> int:  # noqa: ANN401
    async with session.request(method, path, allow_redirects=False, **more) as answer:
        await answer.read()
        return answer.status


async def _choose_encodings(session: Session) -> list[str]:
    found = []
    for charset in _CHARSETS:
        headers = {"Content-Type": f"{_FORM}; charset={charset}"}
        found.append(await _status(session, "POST", "/ops/language", data=_SLOW_BODY, headers=headers))
    broken = await _status(
        session, "POST", "/ops/language", data=b"language=\xff", headers={"Content-Type": _FORM}
    )
    return _differs("encodings", [*found, broken], lambda each: each in (400, 415))


async def _upload(session: Session) -> list[str]:
    """Post small bodies that are large when inflated."""
    headers = {
        "Content-Encoding": "gzip",
        "Content-Type": "application/json",
        "ElevenLabs-Signature": "t=1,v0=x",
    }
    posts = (
        _status(session, "POST", "/webhook/elevenlabs/post-call", data=_INFLATED, headers=headers)
        for _ in range(_UPLOADS)
    )
    return _differs("uploads", await asyncio.gather(*posts), lambda each: 400 <= each < 500)


async def _guess(world: World, session: Session) -> list[str]:
    """Guess a hundred times at once; whoever has the right token gets in nevertheless."""
    form = {"Content-Type": _FORM}
    posts = (
        _status(session, "POST", "/ops/sign-in", data=f"token=wrong{n}", headers=form)
        for n in range(_GUESSES)
    )
    found = await asyncio.gather(*posts)
    right = await _status(session, "POST", "/ops/sign-in", data={"token": world.account.service_token})
    told = _differs("guesses", found, lambda each: each in (401, 429))
    told += _differs("a right token", [right], lambda each: each == 303)
    return told + (
        []
        if Counter(found)[401] <= _ATTEMPTS_A_MINUTE + 1
        else ["strangers: too many guesses were looked at"]
    )


async def _ask_nonsense(session: Session, token: dict[str, str]) -> list[str]:
    number = next(iter(NUMBERS))
    asked = [
        await _status(session, "GET", path, headers=token)
        for path in (
            f"/api/conversations/{number}?limit=000500999999",
            f"/api/conversations/{number}?limit={_DIGITS}",
            f"/api/conversations/{number}%00",
            f"/api/conversations/{number} ext. 9",
            "/api/dead-letters?before=%00",
        )
    ]
    told = await _status(
        session, "POST", f"/api/conversations/{number}/commands", json=_FAR_AWAY, headers=token
    )
    blank = {"command": "write", "by": "y", "text": "\u200b \n"}
    wrote = await _status(session, "POST", f"/api/conversations/{number}/commands", json=blank, headers=token)
    return _differs("nonsense", [*asked, told, wrote], lambda each: each == 400)


def _differs(what: str, found: list[int], is_right: Callable[[int], bool]) -> list[str]:
    wrong = [each for each in found if not is_right(each)]
    return [f"strangers: {what}: {Counter(wrong)}"] if wrong else []


async def judge(world: World) -> None:
    """Check that a token holder sees dead letters, can act on them, and can erase a poisoned client."""
    token = {"X-Service-Token": world.account.service_token}
    async with Session(world.webs[0].url, headers=token, timeout=_TIMEOUT) as session:
        async with session.get("/api/dead-letters?limit=500") as answer:
            body = await answer.json()
            letters = body.get("dead_letters", [])
        if answer.status != 200 or not letters:
            world.problems.append(f"dead letters: {answer.status} {body.get('details', '')}")
            return
        first = letters[0]["id"]
        shown = await _status(session, "GET", f"/api/dead-letters/{first}")
        given = {"ids": [first], "by": "chaos"}
        retried = await _status(session, "POST", "/api/dead-letters/retry", json=given)
        discarded = await _status(
            session, "POST", "/api/dead-letters/discard", json=given | {"reason": "chaos"}
        )
        world.problems += _differs(
            "dead letters", [shown, retried, discarded], lambda each: each in (200, 404)
        )
        await _erase(world, session)
    if not await world.workers[0].is_ready():
        world.problems.append("the worker is not ready")


async def _erase(world: World, session: Session) -> None:
    """Erase a number. The earlier command, which was out of range, does not get in the way."""
    number = next(iter(NUMBERS))
    command = {"command": "erase", "by": "y"}
    await _status(session, "POST", f"/api/conversations/{number}/commands", json=command)
    async with asyncio.timeout(_BACK_SECONDS):
        while await _status(session, "GET", f"/api/conversations/{number}") != 404 or not await _is_told(
            world, number
        ):
            await asyncio.sleep(1.0)


async def _is_told(world: World, number: str) -> bool:
    """Return whether the log has told the statistics of it."""
    events = map(
        json.loads, filter(_is_json, await topics.values(world.kafka.bootstrap_servers, topics.EVENTS))
    )
    return any(
        each.get("type") == "erased" and each["phone_number"] == number
        for each in events
        if isinstance(each, dict)
    )


def _is_json(value: bytes) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True
