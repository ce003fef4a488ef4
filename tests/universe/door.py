"""The way in: Twilio, the backend and operators post to one of the webs, again and again until it answers."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from schemas.topics import CALL_COMPLETED
from tests.support.gateway import signed
from tests.universe.appending import POISON
from tests.universe.kafka import Kafka
from tests.universe.web import Request, Web
from tests.universe.world import Process, World

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
# How long Twilio and the backend wait.
_PATIENCE_SECONDS = 10.0
_AGAIN_SECONDS = 0.3
_LATENCY_SECONDS = 0.02
_LOST_SHARE = 0.01
# Twilio does not repeat a message that reached nobody. Here it mostly does: histories need more than gaps.
_GIVEN_UP_SHARE = 0.3
_NEVER_BROUGHT_SHARE = 0.02
# The backend may produce to Kafka itself.
_PRODUCED_SHARE = 0.15
_NOT_STORED = "nothing is known to be stored"


@dataclass(slots=True, kw_only=True)
class Post:
    """Something that is posted to us."""

    name: str
    path: str
    body: bytes
    kind: str
    headers: Mapping[str, str]
    phone: str = ""
    #: Called when it is answered for the first time.
    stored: Callable[[], None] = lambda: None
    #: How often it was sent.
    tries: int = 0
    is_answered: bool = False
    #: Of a client's message, which Twilio may give up.
    sid: str = ""


class Door:
    """Posts to the webs. `webs` returns the processes that serve now."""

    def __init__(self, world: World, kafka: Kafka, webs: Callable[[], Sequence[Web]]) -> None:
        self._world, self._kafka, self._webs = world, kafka, webs
        self._posted = 0
        self._open: dict[Process, list[tuple[Post, int]]] = defaultdict(list)
        self._reports: dict[str, deque[tuple[Mapping[str, str], str | None]]] = defaultdict(deque)
        self.waiting: list[Post] = []
        self.given_up: list[str] = []
        """Ids of clients' messages that Twilio no longer announces: they are in its list."""

    # What comes.

    def incoming(self, params: Mapping[str, str], stored: Callable[[], None]) -> None:
        """Have Twilio announce what a client wrote."""
        sid = "" if POISON in params["Body"] else params["MessageSid"]
        self._form("incoming", "/webhook/twilio/incoming", params, stored, sid)

    def status(self, params: Mapping[str, str], own_id: str | None) -> None:
        """Have Twilio report on a message."""
        waiting = self._reports[params["MessageSid"]]
        waiting.append((params, own_id))
        if len(waiting) == 1:
            self._report(waiting)

    def _report(self, waiting: deque[tuple[Mapping[str, str], str | None]]) -> None:
        """Post a message's reports one after the other: the last one counts, for the judge as well."""
        params, own_id = waiting[0]

        def stored() -> None:
            waiting.popleft()
            if waiting:
                self._report(waiting)

        self._form("status", "/webhook/twilio/status" + (f"?mid={own_id}" if own_id else ""), params, stored)

    def call(self, key: str, body: Mapping[str, Any], stored: Callable[[], None]) -> None:
        """Have the backend announce that a call has ended."""
        if not self._kafka.service.is_down and self._world.random.random() < _PRODUCED_SHARE:
            self._kafka.append(CALL_COMPLETED, key.encode(), json.dumps(body).encode(), [], None)
            stored()
            return
        self._json("calls", "/api/call-completed", body, stored=stored)

    def command(self, key: str, body: Mapping[str, Any]) -> None:
        """Have an operator give a command."""
        self._json("commands", f"/api/conversations/{key}/commands", body, key)

    def _form(
        self, name: str, path: str, params: Mapping[str, str], stored: Callable[[], None], sid: str = ""
    ) -> None:
        body, headers = urlencode(params).encode(), signed(path, params)
        self._post(Post(name=name, path=path, body=body, kind=_FORM, headers=headers, stored=stored, sid=sid))

    def _json(
        self,
        name: str,
        path: str,
        body: Mapping[str, Any],
        phone: str = "",
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        text = json.dumps(body).encode()
        self._post(Post(name=name, path=path, body=text, kind=_JSON, headers={}, phone=phone, stored=stored))

    # How it is brought.

    def _post(self, post: Post) -> None:
        self.waiting.append(post)
        if post.sid and self._world.random.random() < _NEVER_BROUGHT_SHARE:
            self._give_up(post)
        else:
            self._try(post)

    def _try(self, post: Post) -> None:
        post.tries += 1
        attempt = post.tries
        webs = self._webs()
        if not webs:
            self._fails(post, attempt)
            return
        web = self._world.random.choice(webs)
        self._open[web.process].append((post, attempt))
        self._world.after(self._latency(), lambda: self._arrives(web, post, attempt))
        self._world.after(_PATIENCE_SECONDS, lambda: self._fails(post, attempt))

    def _arrives(self, web: Web, post: Post, attempt: int) -> None:
        if web.process.is_alive:
            self._posted += 1
            request = Request(post.path, post.body, post.kind, post.headers, post.phone, self._posted)
            web.process.start(self._handle(web, post, attempt, request))

    async def _handle(self, web: Web, post: Post, attempt: int, request: Request) -> None:
        status, text = await web.answer(post.name, request)
        web.process.answered(f"answer {post.name}")
        if self._world.random.random() < _LOST_SHARE:
            self._world.counts["fault: web answer lost"] += 1
        else:
            self._world.after(self._latency(), lambda: self._answered(post, attempt, status, text))

    def _answered(self, post: Post, attempt: int, status: int, text: str) -> None:
        if post.is_answered or post.tries != attempt:
            return
        if status >= 500 and _NOT_STORED in text:
            self._world.counts["fault: web stored nothing"] += 1
            self._fails(post, attempt)
            return
        if status not in (200, 202, 404, 409, 422):
            self._world.violated(f"{post.name} is answered with {status}: {text}")
        post.is_answered = True
        self.waiting.remove(post)
        self._world.note("answered", post.name, status)
        post.stored()

    def _fails(self, post: Post, attempt: int) -> None:
        """Send it again or give it up: it was not answered in time, or the connection broke."""
        if post.is_answered or post.tries != attempt:
            return
        if post.sid and self._world.random.random() < _GIVEN_UP_SHARE:
            self._give_up(post)
        else:
            self._world.after(_AGAIN_SECONDS, lambda: self._again(post, attempt))

    def _give_up(self, post: Post) -> None:
        post.is_answered = True
        self.waiting.remove(post)
        self.given_up.append(post.sid)
        self._world.note("given up", post.sid)

    def _again(self, post: Post, attempt: int) -> None:
        if not post.is_answered and post.tries == attempt:
            self._try(post)

    def died(self, process: Process) -> None:
        """Break the connections to a process."""
        for post, attempt in self._open.pop(process, ()):
            self._fails(post, attempt)

    def _latency(self) -> float:
        return self._world.random.random() * _LATENCY_SECONDS
