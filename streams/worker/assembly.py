"""A worker: its heart, and Faust around it. Everything is made here, nothing connects before."""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import gettempdir

import faust

from rules.policy import Policy
from schemas.topics import WORKER_GROUP
from streams.engine.app import RawSchema, create_app
from streams.engine.intake import attach
from streams.engine.one_loop import OneLoopTransport
from streams.worker.heart import Heart, Outside, build_heart


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Heart):
    app: faust.App


def build_worker(outside: Outside) -> Worker:
    """Return a worker that is not started yet."""
    settings = outside.settings
    app = create_app(
        WORKER_GROUP, settings, Path(gettempdir()) / f"whatsapp-worker-{os.getpid()}", OneLoopTransport
    )
    heart = build_heart(outside, Policy.of(settings), lambda: app.consumer)
    app.engine = heart.partitions
    attach(app, heart.intake.topics, settings.topic_prefix, RawSchema(), heart.intake)
    return Worker(app=app, **{each.name: getattr(heart, each.name) for each in fields(Heart)})
