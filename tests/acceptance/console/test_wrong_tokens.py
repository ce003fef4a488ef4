"""Wrong tokens: refused, then held back. The address is held back for a minute, so this file comes last."""

import httpx

from tests.support.up import State


def test_wrong_tokens_are_refused_and_then_held_back(campaign: State) -> None:
    url = campaign["web_url"] + "/ops/sign-in"
    answers = [httpx.post(url, data={"token": f"wrong{n}"}).status_code for n in range(7)]
    assert answers[0] == 401
    assert answers[-1] == 429
    # Whoever is held back is told so in a sentence.
    assert "Wait a minute" in httpx.post(url, data={"token": "x"}, headers={"Accept-Language": "en"}).text
