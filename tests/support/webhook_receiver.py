"""A small server, in its own thread, that takes webhooks, keeps them, and answers as told."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Call:
    """One request. `params`: of a form; `body`: as received; `at`: monotonic seconds."""

    method: str
    path: str
    headers: dict[str, str]
    params: dict[str, str]
    body: str
    at: float = field(default_factory=time.monotonic)


@dataclass
class Reply:
    """How to answer. `wait`: seconds before the answer."""

    status: int = 200
    content_type: str = "text/xml"
    body: str = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0


class Receiver:
    """Receiver that answers with `replies` in order, then with an empty TwiML."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: list[Reply] = []
        self.calls: queue.Queue[Call] = queue.Queue()
        self.released = threading.Event()  # ends what still waits

    def take(self) -> Call:
        """Wait for the next call."""
        return self.calls.get(timeout=_PATIENCE_SECONDS)

    def taken(self, count: int) -> list[Call]:
        """Wait for the next `count` calls."""
        return [self.take() for _ in range(count)]


@contextmanager
def webhook_receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            """Log nothing."""

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            params = dict(parse_qsl(body, keep_blank_values=True))
            receiver.calls.put(Call(self.command, self.path, dict(self.headers), params, body))
            reply = receiver.replies.pop(0) if receiver.replies else Reply()
            receiver.released.wait(reply.wait)
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Type": reply.content_type}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body.encode())))
            self.end_headers()
            self.wfile.write(reply.body.encode())

        do_GET = do_POST = _handle

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="webhooks")
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
