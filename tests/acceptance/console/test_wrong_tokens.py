"""Wrong tokens are refused, then told to wait; a right one still gets in."""

import httpx

from tests.support import http
from tests.support.up import State


def test_wrong_tokens_are_refused_and_then_told_to_wait(campaign: State) -> None:
    url = campaign["web_url"] + "/ops/sign-in"
    answers = [http.post(url, data={"token": f"wrong{n}"}).status_code for n in range(7)]
    assert answers[0] == 401
    assert answers[-1] == 429
    # Whoever had too many is told so in a sentence.
    assert "Wait a minute" in http.post(url, data={"token": "x"}, headers={"Accept-Language": "en"}).text
    assert http.post(url, data={"token": campaign["operators"]["ana"]}).status_code == httpx.codes.SEE_OTHER
