"""A machine's environment is not Faust's: variables of everyday names say nothing to it."""

from pathlib import Path

import pytest
from faust.transport.drivers.aiokafka import Transport

from schemas.settings import load_settings
from schemas.topics import WORKER_GROUP
from streams.engine.app import create_app

# What others' programs on the same machine, or our own settings, are called.
_OTHERS = {
    "APP_DATADIR": "/elsewhere",
    "APP_VERSION": "2.3.1",
    "APP_WEB_ENABLED": "true",
    "BROKER_COMMIT_INTERVAL": "60",
    "BROKER_URL": "kafka://elsewhere:9092",
    "CACHE_URL": "redis://elsewhere",
    "PROCESSING_GUARANTEE": "exactly_once",
    "PRODUCER_ACKS": "0",
    "STREAM_WAIT_EMPTY": "false",
    "TIMEZONE": "America/Bogota",
    "TOPIC_ALLOW_DECLARE": "true",
    "TOPIC_PARTITIONS": "7",
    "WEB_PORT": "",
}


def _configured() -> dict[str, object]:
    settings = load_settings({}, kafka_bootstrap_servers="here:9092", topic_partitions=8)
    conf = create_app(WORKER_GROUP, settings, Path("here"), Transport).conf
    # Compared by identity, and drawn by lot.
    left_out = ("autodiscover", "loghandlers", "reply_to")
    return {name: str(getattr(conf, name)) for name in conf.SETTINGS if name not in left_out}


def test_nothing_is_taken_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _configured()
    for name, value in _OTHERS.items():
        monkeypatch.setenv(name, value)
    assert _configured() == alone
    assert alone["broker"] == "[URL('kafka://here:9092')]"
