"""Which process is better restarted: one that hangs, or is not ready for a reason that a restart mends."""

import httpx
import pytest

from cli.supervisor import restart_may_help


@pytest.mark.parametrize(
    ("answer", "helps"),
    [
        (None, True),
        (httpx.Response(200, json={"ready": True}), False),
        (httpx.Response(503, json={"ready": False}), True),
        (httpx.Response(503, json={"ready": False, "restart_helps": True}), True),
        (httpx.Response(503, json={"ready": False, "restart_helps": False}), False),
    ],
)
def test_who_is_started_anew(answer: httpx.Response | None, helps: bool) -> None:
    assert restart_may_help(answer) is helps
