"""A proxy to Postgres that can be cut: before an answer comes back, or while Postgres still works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_CHUNK = 65_536


class PostgresProxy:
    """A proxy at `url`. Only what runs over a cut connection is lost; new connections work."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loses_answers = 0
        self._is_gone = False
        self.url = ""

    def lose_next_answers(self, count: int = 1) -> None:
        """Cut the connection instead of passing on the next answer, to what Postgres has done by then."""
        self._loses_answers = count

    def lead_to(self, url: str) -> None:
        """Lead new connections elsewhere, as a changed name does; open ones stay where they are."""
        self._target = urlsplit(url)

    def vanish(self) -> None:
        """Pass nothing on and close nothing, as a machine that is gone: whoever waits hears nothing."""
        self._is_gone = True

    def cut(self) -> None:
        """Cut every connection on the client's side. Postgres goes on with what it has."""
        for writer in self._writers:
            writer.close()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side is gone."""
        try:
            server_reader, server_writer = await asyncio.open_connection(
                self._target.hostname, self._target.port
            )
        except OSError:  # nobody is there now
            writer.close()
            return
        self._writers.add(writer)
        ways = [self._questions(reader, server_writer), self._answers(server_reader, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self._writers.discard(writer)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        server_writer.close()

    async def _questions(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(_CHUNK):
            if not self._is_gone:
                writer.write(sent)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer := await reader.read(_CHUNK):
            if self._loses_answers:
                self._loses_answers -= 1
                return
            if not self._is_gone:
                writer.write(answer)
        if self._is_gone:
            await asyncio.Event().wait()


@asynccontextmanager
async def proxied(url: str, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[PostgresProxy]:
    """Run a proxy for the Postgres at `url`. `port` 0: any free one."""
    proxy = PostgresProxy(url)
    server = await asyncio.start_server(proxy.connected, host, port)
    proxy.url = at_address(url, host, server.sockets[0].getsockname()[1])
    async with server:
        yield proxy


def at_address(url: str, host: str, port: int) -> str:
    """Return a Postgres URL with another host and port."""
    there = urlsplit(url)
    return there._replace(netloc=f"{there.netloc.rpartition('@')[0]}@{host}:{port}").geturl()
