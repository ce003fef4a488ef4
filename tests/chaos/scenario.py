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
    """How clients write."""

    #: Clients.
    numbers: int = 500
    turns_per_second: float = 50.0
    burst_share: float = 0.2
    copies: int = 1
    #: The same webhook comes once more, up to this much later; 0: it does not.
    late_seconds: float = 0.0
    call_copies: int = 1
    #: Seconds before the first fault.
    warm_up: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A fault under a load, and what is required of the service. `{folder}` in `env` is the run's own."""

    name: str
    breaks: str
    fault: faults.Fault = faults.nothing
    times: int = 3
    #: Seconds of load after each fault.
    pause: float = 15.0
    webs: int = 1
    cut_off_webs: int = 0
    workers: int = 1
    #: Whether Postgres is reached through a pooler.
    pooled: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    twilio: Mapping[str, object] = field(default_factory=dict)
    elevenlabs: Mapping[str, object] = field(default_factory=dict)
    twilio_faults: Mapping[str, Chance] = field(default_factory=dict)
    elevenlabs_faults: Mapping[str, Chance] = field(default_factory=dict)
    load: Load = Load()
    #: Done once under load before the faults.
    extra: Extra | None = None
    #: Done when everything is answered; notes what is wrong.
    afterwards: Extra | None = None
    #: Calls and messages are there before the worker starts.
    backlog: bool = False
    #: How many messages the backlog has if they are put into the topic directly instead of posted.
    produced: int = 0
    #: The worker's program, if it is not the product's.
    worker_module: str = "cli"
    #: Limit in seconds for every answer.
    answered: float | None = None
    #: Limit in seconds from the fault to the first answer, on every partition, to something written after it.
    recovery: float | None = None
    #: Limits in seconds from an outage's end to the answers (p50, p99) to messages written in it.
    caught_up: tuple[float, float] | None = None
    #: `caught_up` counts from each one's turn instead, as more wait than the sender's rate allows meanwhile.
    waits_for_rate: bool = False
    #: Kafka's brokers.
    brokers: int = 1
    #: Postgres fails over, so it has a name of its own that leads to the primary.
    has_standby: bool = False
    #: Whether web may answer a webhook with something other than 200.
    may_refuse: bool = False
    #: Whether the only accepted refusal is that nobody listens.
    may_be_down: bool = False
    redelivered: int | None = None
    # Longer than the longest backoff after an outage, a minute's hang of a vendor and a rebalance together.
    stuck_seconds: float = 90.0
    #: A file without which the row is skipped.
    needs: Path | None = None
    #: Whether the stats tables are compared at the end.
    stats: bool = True
    #: Faults continue for this long.
    minutes: float = 0.0
    #: What those faults are drawn from.
    seed: int = 0
    #: Shortest and longest seconds between those faults.
    pauses: tuple[float, float] = (5.0, 40.0)


def small(scenario: Scenario) -> Scenario:
    """Return the same with a load and a count small enough for a test."""
    load = replace(scenario.load, numbers=60, turns_per_second=12.0, warm_up=3.0)
    return replace(scenario, load=load, times=1, pause=12.0, stats=False)
