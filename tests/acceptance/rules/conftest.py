"""WhatsApp's rules on a running `up`: the simulated Twilio enforces them, so breaking one shows."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.backend import Backend
from tests.support.outside import steer
from tests.support.up import State, running_up

TEMPLATE = "HX" + "1" * 32
REOPEN = "HX" + "2" * 32
VARIABLES = {
    "TWILIO_FIRST_MESSAGE_CONTENT_SID": TEMPLATE,
    "TWILIO_FIRST_MESSAGE_CONTENT_VARIABLES": '{"1": "{client_name}", "2": "{summary}"}',
    "TWILIO_REOPEN_CONTENT_SID": REOPEN,
    "TWILIO_REOPEN_CONTENT_VARIABLES": '{"1": "{client_name}", "2": "{text}"}',
    "CALL_STATUS_ACTIONS": '{"cancelled": "none"}',
    "REPLY_QUIET_SECONDS": "1",
    "BACKEND_WEBHOOK_SECRET": "shared",
    "ELEVENLABS_WEBHOOK_SECRET": "wsec",
    "UNKNOWN_NUMBER_AGENT_ID": "agent_for_strangers",
    "UNKNOWN_NUMBER_GRACE_SECONDS": "1",
}


@pytest.fixture(scope="package")
def backend_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="package")
def up(tmp_path_factory: pytest.TempPathFactory, jars: Path, backend_url: str) -> Iterator[State]:
    with running_up(tmp_path_factory.mktemp("up"), jars, BACKEND_URL=backend_url, **VARIABLES) as state:
        steer(state, "settings", window=True)
        steer(state, "templates", sid=TEMPLATE, body="Hola {{1}}, gracias por la llamada. {{2}}")
        steer(state, "templates", sid=REOPEN, body="Hola {{1}}: {{2}}")
        yield state
