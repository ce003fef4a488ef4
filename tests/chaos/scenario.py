"""What a row of the table consists of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.chaos import faults
from tests.chaos.clients import Clients
from tests.chaos.vendors import Chance
from tests.chaos.world import World

Extra = Callable[[World, Clients], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Load:
    """`numbers`: clients. `late_seconds`: the same webhook comes once more up to so much later; 0: it does not.

    `warm_up`: seconds before the first fault.
    """

    numbers: int = 500
    turns_per_second: float = 50.0
    burst_share: float = 0.2
    copies: int = 1
    late_seconds: float = 0.0
    call_copies: int = 1
    warm_up: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`pause`: seconds of load after each fault. `backlog`: calls and messages are there before the worker starts.

    `produced`: the backlog has so many messages, put into the topic itself instead of posted.
    `worker_module`: the worker's program, where it is another one than the product's.
    `answered`: bound in seconds for every answer.
    `recovery`: bound in seconds from the fault to the first answers, on every partition, to what was written after it.
    `caught_up`: bounds in seconds from an outage's end to the answers (median, 99th percentile) to what was written in it;
    `waits_for_rate`: not from its end but from each one's turn, since more wait than the sender's rate allows meanwhile.
    `may_refuse`: whether web may answer a webhook otherwise than with 200; `may_be_down`: only that nobody listens.
    `minutes`: faults go on for so long, drawn from `seed`, with pauses between the two of `pauses` (s).
    `brokers`: of Kafka; `has_standby`: Postgres fails over, so that it has a name of its own that leads to the primary.
    `pooled`: whether Postgres is reached through a pooler. `stats`: whether the stats tables are compared at the end.
    `needs`: a file without which the row is left out. `{folder}` in `env` is the run's own.
    `extra`: done once under load before the faults; `afterwards`: when all is answered; notes what is wrong.
    """

    name: str
    breaks: str
    fault: faults.Fault = faults.nothing
    times: int = 3
    pause: float = 15.0
    webs: int = 1
    cut_off_webs: int = 0
    workers: int = 1
    pooled: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    twilio: Mapping[str, object] = field(default_factory=dict)
    elevenlabs: Mapping[str, object] = field(default_factory=dict)
    twilio_faults: Mapping[str, Chance] = field(default_factory=dict)
    elevenlabs_faults: Mapping[str, Chance] = field(default_factory=dict)
    load: Load = Load()
    extra: Extra | None = None
    afterwards: Extra | None = None
    backlog: bool = False
    produced: int = 0
    worker_module: str = "cli"
    answered: float | None = None
    recovery: float | None = None
    caught_up: tuple[float, float] | None = None
    waits_for_rate: bool = False
    brokers: int = 1
    has_standby: bool = False
    may_refuse: bool = False
    may_be_down: bool = False
    redelivered: int | None = None
    # Longer than the longest backoff after an outage, a minute's hang of a vendor and a rebalance together.
    stuck_seconds: float = 90.0
    needs: Path | None = None
    stats: bool = True
    minutes: float = 0.0
    seed: int = 0
    pauses: tuple[float, float] = (5.0, 40.0)


def small(scenario: Scenario) -> Scenario:
    """Return the same with a load and a count that fit into a test."""
    load = replace(scenario.load, numbers=60, turns_per_second=12.0, warm_up=3.0)
    return replace(scenario, load=load, times=1, pause=12.0, stats=False)
