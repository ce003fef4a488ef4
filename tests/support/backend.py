"""A main backend that is told what happens to its conversations."""

import hashlib
import hmac
import json
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

from tests.support.up import State


class Backend(BaseHTTPRequestHandler):
    """Handler that keeps what it was told under a valid signature. `away`: it answers 503."""

    told: ClassVar[list[State]] = []
    away: ClassVar[bool] = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        at, given = (part.split("=")[1] for part in self.headers["X-Service-Signature"].split(","))
        good = (
            not Backend.away
            and hmac.new(b"shared", f"{at}.".encode() + body, hashlib.sha256).hexdigest() == given
        )
        if good:
            self.told.append(json.loads(body))
        self.send_response(204 if good else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""
