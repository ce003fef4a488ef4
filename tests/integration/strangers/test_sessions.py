"""Operators' sessions across several web processes: when they end, for every copy of their cookie."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.support import http
from tests.support.gateway import TOKEN
from tests.support.web_process import Web, running_web
from web.ops.operators import Operators

ANA, LUIS = "a" * 40, "l" * 40
BOTH = json.dumps({"ana": ANA, "luis": LUIS})
_WORKING_DAY_SECONDS = 8 * 3600


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    """Where each process may write, one after the other."""
    return (tmp_path / f"web-{number}.log" for number in range(9))


def sign_in(web: Web, token: str) -> dict[str, str]:
    """Sign in as a person does; give the browser's cookie."""
    answer = http.post(f"{web.url}/ops/sign-in", data={"token": token})
    assert answer.status_code == httpx.codes.SEE_OTHER
    return dict(answer.cookies)


def enters(web: Web, cookies: dict[str, str], path: str = "/ops/suppressed") -> bool:
    answer = http.get(web.url + path, cookies=cookies, headers={"Accept": "text/html"})
    assert answer.status_code == 200 or "/ops/sign-in" in answer.headers["Location"], answer.text
    return answer.status_code == httpx.codes.OK


def test_signing_out_ends_a_session_everywhere(database: str, logs: Iterator[Path]) -> None:
    with (
        running_web(database, next(logs), OPERATOR_TOKENS=BOTH) as one,
        running_web(database, next(logs), OPERATOR_TOKENS=BOTH) as other,
    ):
        stolen, own, of_another = sign_in(one, ANA), sign_in(one, ANA), sign_in(other, LUIS)
        assert enters(one, stolen)
        assert enters(other, stolen)
        answer = http.post(f"{other.url}/ops/sign-out", cookies=stolen)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/ops/sign-in")
        assert not enters(one, stolen)
        assert not enters(other, stolen)
        assert enters(one, own)
        assert enters(one, of_another)


def test_an_open_page_is_let_go_when_its_session_has_ended(database: str, logs: Iterator[Path]) -> None:
    with running_web(database, next(logs), OPERATOR_TOKENS=BOTH) as web:
        cookies = sign_in(web, ANA)
        with http.stream("GET", f"{web.url}/ops/live?of=list", cookies=cookies, timeout=60) as stream:
            http.post(f"{web.url}/ops/sign-out", cookies=cookies)
            began = time.monotonic()
            for _ in stream.iter_raw():
                pass
            assert time.monotonic() - began < 30


def test_a_session_ends_with_its_operators_token(database: str, logs: Iterator[Path]) -> None:
    with running_web(database, next(logs), OPERATOR_TOKENS=BOTH) as web:
        ana, luis, service = sign_in(web, ANA), sign_in(web, LUIS), sign_in(web, TOKEN)
    with running_web(database, next(logs), OPERATOR_TOKENS=json.dumps({"ana": ANA})) as web:
        assert [enters(web, each) for each in (ana, luis, service)] == [True, False, True]
    with running_web(
        database, next(logs), OPERATOR_TOKENS=json.dumps({"ana": ANA + "2", "luis": LUIS})
    ) as web:
        assert [enters(web, each) for each in (ana, luis, service)] == [False, True, True]
    with running_web(database, next(logs), OPERATOR_TOKENS=BOTH, MICROSERVICE_TOKEN="another" * 6) as web:
        assert [enters(web, each) for each in (ana, luis, service)] == [False, False, False]


def test_sessions_hold_while_the_services_token_is_changed_one_process_after_the_other(
    database: str, logs: Iterator[Path]
) -> None:
    new = "another" * 6
    before = {"OPERATOR_TOKENS": BOTH, "MICROSERVICE_TOKEN_SECONDARY": new}
    after = {"OPERATOR_TOKENS": BOTH, "MICROSERVICE_TOKEN": new, "MICROSERVICE_TOKEN_SECONDARY": TOKEN}
    with (
        running_web(database, next(logs), **before) as one,
        running_web(database, next(logs), **after) as other,
    ):
        for here, there in ((one, other), (other, one)):
            assert [enters(there, sign_in(here, token)) for token in (ANA, TOKEN, new)] == [True] * 3


def test_operators_alone_need_no_service_token(database: str, logs: Iterator[Path]) -> None:
    alone = {"OPERATOR_TOKENS": BOTH, "MICROSERVICE_TOKEN": ""}
    with (
        running_web(database, next(logs), **alone) as one,
        running_web(database, next(logs), **alone) as other,
    ):
        assert enters(other, sign_in(one, ANA))


def test_a_session_ends_a_working_day_after_its_sign_in_however_it_is_used(web: Web) -> None:
    operators = Operators({"servicio": [TOKEN]}, [TOKEN])
    cookies = {"ops_session": _cookie(operators, began=time.time() - _WORKING_DAY_SECONDS + 60)}
    assert enters(web, cookies)
    cookies = {"ops_session": _cookie(operators, began=time.time() - _WORKING_DAY_SECONDS - 1)}
    assert not enters(web, cookies)


def _cookie(operators: Operators, began: float) -> str:
    """Make the cookie of a session that began some time ago and was changed just now."""
    session = {
        "operator": "servicio",
        "proof": operators.proof("servicio"),
        "began": int(began),
        "id": "i",
        "csrf": "c",
    }
    content = json.dumps({"created": int(time.time()), "session": session}).encode()
    return Fernet(base64.urlsafe_b64encode(operators.session_keys[0])).encrypt(content).decode()
