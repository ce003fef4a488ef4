"""Postgres' sessions: transactions that hold a lock, for `web` to publish its spool in; and notifications."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.universe.network import Service
from tests.universe.world import Process, World

if TYPE_CHECKING:
    from tests.universe.postgres import Postgres, Row

# As set by `spool_session`.
_IDLE_SECONDS = 15.0
# From a commit to the listeners, over their own connection.
_NOTIFIED_SECONDS = 0.001
_LISTENS_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class Session:
    """A transaction. `writes`: executed on commit; `seen_at`: when it last asked for something."""

    process: Process
    seen_at: float
    writes: list[tuple[str, Sequence[Any]]] = field(default_factory=list)
    is_over: bool = False

    def is_gone(self, now: float) -> bool:
        """Return whether it is over: a killed or silent process loses its session, and its locks with it."""
        self.is_over = self.is_over or not self.process.is_alive or now - self.seen_at > _IDLE_SECONDS
        return self.is_over


class Connection:
    """A connection for one transaction; see `web.spool`."""

    def __init__(self, postgres: "Postgres", process: Process) -> None:
        self._postgres, self._process = postgres, process
        self._session: Session | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        session = self._session = Session(self._process, self._postgres.world.now)
        try:
            yield
        except BaseException:
            session.is_over = not self._postgres.service.is_away(self._process, "commit")
            raise
        await self._ask("commit", self._commit)

    async def execute(self, text: str, *arguments: object) -> None:
        assert self._session is not None, "only used in a transaction"
        writes = self._session.writes
        await self._ask("write", lambda: writes.append((text, arguments)))

    async def fetchval(self, text: str, *arguments: object) -> Any:  # noqa: ANN401
        """Take a lock that the session holds; nothing else is requested this way."""
        return await self._ask("lock", lambda: self._postgres.lock(arguments[0], self._session))

    async def fetch(self, text: str, *arguments: object) -> "list[Row]":
        rows: list[Row] = await self._ask("read", lambda: self._postgres.execute(text, arguments))
        return rows

    def _commit(self) -> None:
        assert self._session is not None, "only used in a transaction"
        self._session.is_over = True
        for text, arguments in self._session.writes:
            self._postgres.execute(text, arguments)

    async def _ask(self, what: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401
        session, world = self._session, self._postgres.world
        assert session is not None, "only used in a transaction"

        def asked() -> Any:  # noqa: ANN401
            if session.is_gone(world.now):
                raise asyncpg.ConnectionDoesNotExistError("idle in a transaction for too long")
            session.seen_at = world.now
            return do()

        return await self._postgres.service.call(self._process, f"spool {what}", asked)


@dataclass(frozen=True, slots=True)
class Listener:
    heard: Callable[[str, str], None]
    listening: Callable[[bool], None]


class Listeners:
    """Everybody who hears notifications. A broken connection is noticed and replaced."""

    def __init__(self, world: World, service: Service[Any]) -> None:
        self._world, self._service = world, service
        self._of: dict[Process, Listener] = {}

    def notify(self, channel: str, payload: str) -> None:
        for process in list(self._of):
            self._world.after(
                _NOTIFIED_SECONDS,
                lambda process=process: self._tell(process, channel, payload),  # type: ignore[misc]
            )

    def _tell(self, process: Process, channel: str, payload: str) -> None:
        listener = self._of.get(process)
        if listener is None or not process.is_alive:
            return
        if self._service.is_away(process, "listen"):
            self._lost(process)
        else:
            process.loop.call_soon(listener.heard, channel, payload)

    def _lost(self, process: Process) -> None:
        if (listener := self._of.pop(process, None)) is not None:
            process.loop.call_soon(listener.listening, False)

    def keep(self, process: Process, listener: Listener) -> None:
        """Have a process listen as long as it lives."""
        if not process.is_alive:
            self._of.pop(process, None)
            return
        if self._service.is_away(process, "listen"):
            self._lost(process)
        elif process not in self._of:
            self._of[process] = listener
            process.loop.call_soon(listener.listening, True)
        self._world.after(_LISTENS_AGAIN_SECONDS, lambda: self.keep(process, listener))
