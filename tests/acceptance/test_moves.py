"""Procedures of docs/operations.md, one after the other on one database.

First another number of partitions, then another cluster without anything of the former log. Clients write
meanwhile, and are answered once and in order.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support import http
from tests.support.outside import post_call
from tests.support.simulators import (
    ACCOUNT,
    KEY,
    NOBODY,
    TOKEN,
    Simulator,
    elevenlabs_simulator,
    twilio_simulator,
)
from tests.support.up import State, conversation_of, eventually_sync, running_up, write

_NUMBERS = ["+573138533001", "+573138533002", "+573138533003"]
_AFTER = "+573138533009"


class Town:
    """Vendors that stay, while the service is started again and again in one folder."""

    def __init__(self, folder: Path, jars: Path, twilio: Simulator, elevenlabs: Simulator) -> None:
        self.folder = folder
        self.twilio = twilio
        self._jars = jars
        self._variables = {
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_API_BASE_URL": twilio.url,
            "ELEVENLABS_API_KEY": KEY,
            "ELEVENLABS_API_BASE_URL": elevenlabs.url,
            "TWILIO_UNKNOWN_PATIENCE_SECONDS": "5",
        }

    @contextmanager
    def service(self, **variables: str) -> Iterator[State]:
        """Run it; it has nothing left to do when it is stopped, and nobody listens afterwards."""
        (self.folder / "up.json").unlink(missing_ok=True)
        with running_up(self.folder, self._jars, **self._variables, **variables) as state:
            webhook = f"{state['web_url']}/webhook/twilio/incoming"
            self.twilio.steer("settings", {"webhook_url": webhook})
            yield state | {"twilio_url": self.twilio.url}
            self._wait_until_read(state)
            self.twilio.steer("settings", {"webhook_url": NOBODY})

    def _wait_until_read(self, state: State) -> None:
        view = f"http://127.0.0.1:{state['worker_ports'][0]}/partitions"
        eventually_sync(lambda: not any(http.get(view).json()["lag"].values()))

    def unheard(self, number: str, text: str) -> None:
        """A client writes while nobody listens; Twilio lists it."""
        assert self.twilio.steer("inbound", {"from": number, "body": text})["status"] != httpx.codes.OK

    def said(self, number: str) -> list[str]:
        """Return the lines a client got after the first message; messages that met share an answer."""
        sent = [
            row["body"]
            for row in self.twilio.read()
            if row["direction"] != "inbound" and row["to"].endswith(number)
        ]
        return [line.removeprefix("Eco: ") for body in sent[1:] for line in body.split("\n")]


@pytest.fixture
def town(tmp_path: Path, jars: Path) -> Iterator[Town]:
    with twilio_simulator() as twilio, elevenlabs_simulator() as elevenlabs:
        elevenlabs.steer("settings", {"manner": "echo"})
        yield Town(tmp_path, jars, twilio, elevenlabs)


def _call(up: State, number: str) -> State:
    answer = post_call(up, f"conv_{number}", number)
    told: State = answer.json()
    return told


def _all_write(up: State, text: str) -> None:
    for number in _NUMBERS:
        write(up, number, text, f"SM{uuid.uuid4().hex}")


def test_another_number_of_partitions_then_another_cluster(town: Town) -> None:
    with town.service() as up:
        first = [_call(up, number) for number in _NUMBERS]
        assert {each["status"] for each in first} == {"message_sent"}
        _all_write(up, "uno")
        for number in _NUMBERS:
            conversation_of(up, number, 3)
    for number in _NUMBERS:
        town.unheard(number, "dos")

    with town.service(
        TOPIC_PREFIX="four-", TOPIC_PARTITIONS="4"
    ) as up:  # other topics, in which a number lies elsewhere
        _all_write(up, "tres")
        assert [_call(up, number) for number in _NUMBERS] == first  # told again, a call is known
        for number in _NUMBERS:
            inbound = [
                each for each in conversation_of(up, number, 6)["messages"] if each["direction"] == "inbound"
            ]
            assert [each["content"] for each in inbound] == ["uno", "dos", "tres"]
            eventually_sync(
                lambda number=number: town.said(number) == ["uno", "dos", "tres"]  # type: ignore[misc]
            )
    for number in _NUMBERS:
        town.unheard(number, "cuatro")
    shutil.rmtree(town.folder / "kafka")

    with town.service(
        TOPIC_PREFIX="four-", TOPIC_PARTITIONS="4"
    ) as up:  # an empty cluster: nothing of the log is left
        _all_write(up, "cinco")
        assert [_call(up, number) for number in _NUMBERS] == first
        assert _call(up, _AFTER)["status"] == "message_sent"
        for number in _NUMBERS:
            expected = ["uno", "dos", "tres", "cuatro", "cinco"]
            eventually_sync(
                lambda number=number, expected=expected: town.said(number) == expected  # type: ignore[misc]
            )
    firsts = [row for row in town.twilio.read() if row["direction"] != "inbound" and "Gracias" in row["body"]]
    assert len(firsts) == len(_NUMBERS) + 1
