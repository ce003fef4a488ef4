"""A hanging vendor does not delay the backend: it gets 202 in time, and the outcome when it asks again."""

import httpx

from tests.support import http
from tests.support.up import State, call_body, conversation_of, eventually_sync

# The backend gives up at 10 s.
_ANSWER_SECONDS = 9
_NUMBER = "+573138538101"
# Sent, delivered, read: each would prove the message.
_REPORTS = 3


def test_a_call_under_a_hanging_twilio_is_202_and_later_200_with_one_message(operated: State) -> None:
    """Twilio takes the message but neither answers nor reports.

    The outcome is looked up in its list, and told to whoever asks again.
    """
    faults = {"accept-hang": {"count": 1}, "callback-drop": {"count": _REPORTS}}
    http.post(operated["twilio_url"] + "/_sim/faults", json=faults)
    with httpx.Client(
        base_url=operated["web_url"], headers=operated["headers"], timeout=_ANSWER_SECONDS
    ) as client:
        queued = client.post("/api/call-completed", json=call_body("conv_hanging", _NUMBER))
        assert queued.status_code == httpx.codes.ACCEPTED
        assert queued.json() | {"message": "", "conversation_id": ""} == {
            "success": True,
            "message": "",
            "status": "queued",
            "conversation_id": "",
            "whatsapp_message_id": None,
        }

        def outcome() -> httpx.Response:
            return client.post("/api/call-completed", json=call_body("conv_hanging", _NUMBER))

        eventually_sync(lambda: outcome().status_code == httpx.codes.OK)
        told = outcome().json()
    [message] = conversation_of(operated, _NUMBER, 1)["messages"]
    assert (told["status"], message["direction"]) == ("message_sent", "outbound")
    rows = http.get(operated["twilio_url"] + "/_sim/ledger").json()
    assert [row["sid"] for row in rows if row["to"] == f"whatsapp:{_NUMBER}"] == [told["whatsapp_message_id"]]
