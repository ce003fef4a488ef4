"""The service's token: two while it changes, never sent to others' addresses, and warned of if guessable."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientTimeout, web

from clients.http import open_session
from clients.service_token import SHORTEST_TOKEN, PeerProofs, accepted_tokens, is_authorized, short_tokens
from schemas.errors import Unavailable
from schemas.settings import load_settings
from streams.stats.cluster import Cluster
from tests.support.gateway import NUMBER, TOKEN, Fakes, gateway
from tests.support.vendor_servers import served

OLD, NEW = "old-token-of-the-service", "new-token-of-the-service"
PATH, QUERY = "/records", {"partition": "0", "after": "0"}


@pytest.mark.parametrize(
    ("primary", "secondary", "accepted"),
    [(None, None, ()), (None, NEW, ()), (OLD, None, (OLD,)), (OLD, NEW, (OLD, NEW))],
)
def test_two_count_while_one_is_changed(
    primary: str | None, secondary: str | None, accepted: tuple[str, ...]
) -> None:
    settings = load_settings({}, microservice_token=primary, microservice_token_secondary=secondary)
    assert accepted_tokens(settings) == accepted
    assert [is_authorized(accepted, token) for token in (OLD, NEW)] == [OLD in accepted, NEW in accepted]
    assert not any(is_authorized(accepted, nothing) for nothing in (None, "", "None", OLD + "x", "ñ"))


async def test_the_api_takes_both() -> None:
    async with gateway(Fakes(), microservice_token_secondary=NEW) as client:
        asked = [
            await client.get("/api/no-such-route", headers={"X-Service-Token": token})
            for token in (TOKEN, NEW, OLD)
        ]
        assert [answer.status for answer in asked] == [404, 404, 401]


def test_a_token_that_can_be_guessed_is_warned_of_by_its_variable_alone() -> None:
    long = "x" * SHORTEST_TOKEN
    assert (
        short_tokens(
            load_settings({}, microservice_token=long, operator_tokens=f'{{"ana": "{long}", "eva": ""}}')
        )
        == []
    )
    short = load_settings(
        {}, microservice_token="secret", backend_webhook_secret="s", operator_tokens='{"ana": "1234"}'
    )
    assert short_tokens(short) == ["MICROSERVICE_TOKEN", "BACKEND_WEBHOOK_SECRET", "OPERATOR_TOKENS"]


def proofs(*tokens: str, now: float = 1_000_000.0) -> PeerProofs:
    return PeerProofs(tokens, lambda: now)


def proven(asking: PeerProofs, answering: PeerProofs, path: str = PATH, **query: str) -> bool:
    [given] = asking.headers(PATH, QUERY).values()
    return answering.are_proven(path, QUERY | query, given)


def test_a_proof_is_good_for_one_question_and_a_minute() -> None:
    one = proofs(OLD)
    assert proven(one, proofs(OLD))
    assert proven(one, proofs(OLD, now=1_000_060.0))
    assert not proven(one, proofs(OLD, now=1_000_061.0))
    assert not proven(one, proofs(OLD, now=999_939.0))
    assert not proven(one, proofs(OLD), path="/rebuild/local")
    assert not proven(one, proofs(OLD), partition="1")
    assert not proven(one, proofs(NEW))
    assert not proven(one, proofs())


def test_proofs_hold_while_the_token_is_changed_one_process_after_the_other() -> None:
    steps = [proofs(OLD), proofs(OLD, NEW), proofs(NEW, OLD), proofs(NEW)]
    for before, after in zip(steps, steps[1:], strict=False):
        assert proven(before, after)
        assert proven(after, before)


@pytest.mark.parametrize(
    "given", [None, "", ":", "1:", "x:y", "٣:y", "9" * 5000 + ":y", "1000000:" + "ñ" * 64]
)
def test_what_is_no_proof_proves_nothing(given: str | None) -> None:
    assert not proofs(OLD).are_proven(PATH, QUERY, given)


async def test_a_member_of_the_group_that_is_none_of_ours_never_sees_the_token() -> None:
    seen: list[str] = []

    async def rogue(request: web.Request) -> web.Response:
        seen.append(f"{request.rel_url} {dict(request.headers)}")
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with served(rogue) as url, open_session(ClientTimeout(total=5), 5) as session:
        owners = {url: {0}}
        records = SimpleNamespace(
            partitions=1, ready=True, active=set, assignment=SimpleNamespace(owners=lambda: owners)
        )
        cluster = Cluster(cast(Any, records), cast(Any, None), "http://here", session, proofs(OLD))
        with pytest.raises(Unavailable):
            await cluster.records(0, 0, 10)
    assert len(seen) == 1
    assert "X-Peer-Proof" in seen[0]
    assert OLD not in seen[0]


async def test_no_proxy_may_keep_what_the_api_answers() -> None:
    async with gateway(Fakes()) as client:
        for path, token in (
            ("/api/stats", OLD),
            ("/api/no-such-route", TOKEN),
            (f"/api/conversations/{NUMBER}", TOKEN),
        ):
            answer = await client.get(path, headers={"X-Service-Token": token})
            assert answer.headers["Cache-Control"] == "no-store"
        assert "Cache-Control" not in (await client.get("/live")).headers
