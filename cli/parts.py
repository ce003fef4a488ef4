"""The parts that the phone may break: our processes, and those of Kafka and Postgres that `up` started."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from cli.supervisor import Supervisor
from local.kafka.server import RunningKafka, start_kafka
from local.postgres.server import RunningPostgres, start_postgres

Server = RunningKafka | RunningPostgres
_KAFKA, _POSTGRES = "kafka", "postgres"


class Parts:
    """Kills as `kill -9` does. The supervisor restarts our processes; whoever killed a server restarts it."""

    def __init__(self, supervisor: Supervisor, data_dir: Path, jars: Path) -> None:
        self._supervisor = supervisor
        self._data_dir = data_dir
        self._jars = jars
        self._servers: dict[str, Server] = {}
        self._stopped: set[str] = set()

    def add(self, server: Server) -> None:
        """Add a server."""
        self._servers[_POSTGRES if isinstance(server, RunningPostgres) else _KAFKA] = server

    def running(self) -> dict[str, bool]:
        """Return whether each part is running."""
        breakable = [name for name, server in self._servers.items() if _keeps_its_data(server)]
        return self._supervisor.running() | {name: name not in self._stopped for name in breakable}

    async def kill(self, part: str) -> None:
        """Kill a part at once; one that has ended is left alone."""
        server = self._servers.get(part)
        if server is None:
            self._supervisor.kill(part)
        elif part not in self._stopped:
            self._stopped.add(part)
            await server.kill()

    async def start(self, part: str) -> None:
        """Start a server again where it was; our own processes come back by themselves."""
        if part in self._stopped:
            self._servers[part] = await self._starters()[part]()
            self._stopped.discard(part)

    async def stop(self) -> None:
        """Shut the servers down cleanly, the last one added first."""
        for part, server in reversed(self._servers.items()):
            if part not in self._stopped:
                await server.stop()

    def _starters(self) -> dict[str, Callable[[], Awaitable[Server]]]:
        return {
            _KAFKA: lambda: start_kafka(self._data_dir / _KAFKA, self._jars, port=self._port(_KAFKA)),
            _POSTGRES: lambda: start_postgres(self._data_dir / _POSTGRES, port=self._port(_POSTGRES)),
        }

    def _port(self, part: str) -> int:
        server = self._servers[part]
        return (
            server.port
            if isinstance(server, RunningPostgres)
            else int(server.bootstrap_servers.rpartition(":")[2])
        )


def _keeps_its_data(server: Server) -> bool:
    """Return whether a server keeps its data: the embedded broker is all in memory, so it is left alone."""
    return isinstance(server, RunningPostgres) or server.kind == "apache"
