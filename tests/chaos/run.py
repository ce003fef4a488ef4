"""Plays one scenario: a world, calls, clients who write all the time, the fault repeatedly; then judges."""

import asyncio
import csv
import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.partitioner import murmur2

from tests.chaos import soak, topics
from tests.chaos.calls import body_of, post_calls
from tests.chaos.clients import NOBODY_LISTENS, Clients, Written
from tests.chaos.scenario import Scenario
from tests.chaos.stats_check import compare_stats
from tests.chaos.vendors import Asked
from tests.chaos.verdict import Verdict, answered_since, at_shares, beyond_the_rate, judge, told
from tests.chaos.world import DEFAULTS, Outage, World

Say = Callable[[str], None]

_READY_SECONDS = 90.0
_LOOK_SECONDS = 2.0
# Looking at a long ledger keeps the simulated Twilio busy: mostly a tenth of the time is spent looking, and
# the end of a run is noticed within half a minute.
_LOOK_SHARE = 10.0
_LONGEST_PAUSE_SECONDS = 30.0
# Doubles come late: from a paused worker or an old owner.
_AFTERMATH_SECONDS = 5.0
_COOL_SECONDS = 5.0


@dataclass(slots=True)
class Outcome:
    """What came of a scenario."""

    scenario: Scenario
    verdict: Verdict
    faults: int
    #: Tries of webhooks that did not get 200.
    refusals: int
    #: Those of them that somebody should have accepted.
    refused: int
    #: Seconds, one for each time the fault struck; inf: never.
    recoveries: list[float]
    redelivered: int | None
    #: Between the stats tables and Postgres; None: not compared.
    stats_differences: int | None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.verdict.good and not self.problems


async def play(scenario: Scenario, folder: Path, jars: Path, runs: int, say: Say) -> Outcome:
    """Play it in its own world, with `runs` times as many faults."""
    counts = {"webs": scenario.webs, "cut_off_webs": scenario.cut_off_webs, "workers": scenario.workers}
    servers = {"brokers": scenario.brokers, "has_standby": scenario.has_standby}
    env, module = dict(scenario.env), scenario.worker_module
    world = World(
        folder,
        jars,
        **counts,
        **servers,
        pooled=scenario.pooled,
        env=env,
        worker_module=module,
        seed=scenario.seed,
    )
    async with world:
        clients = _clients(world, scenario)
        try:
            await _play(scenario, world, clients, runs, say)
            outcome = await _judge(scenario, world, clients, say)
        finally:
            await clients.close()
    return outcome


def _clients(world: World, scenario: Scenario) -> Clients:
    numbers = [f"+57310{number:07d}" for number in range(scenario.load.numbers)]
    urls = [web.url for web in world.webs]
    clients = Clients(world.account.token, world.env["PUBLIC_BASE_URL"], lambda: urls, numbers)
    clients.copies, clients.late_seconds = scenario.load.copies, scenario.load.late_seconds
    clients.burst_share = scenario.load.burst_share
    world.clients = clients
    return clients


async def _play(scenario: Scenario, world: World, clients: Clients, runs: int, say: Say) -> None:
    await world.vendors.elevenlabs("settings", **scenario.elevenlabs)
    await world.vendors.twilio("settings", **scenario.twilio)
    for web in world.webs:
        await web.start()
    await asyncio.gather(*(web.ready(_READY_SECONDS) for web in world.webs))
    if scenario.backlog:
        await _pile_up(world, clients, scenario.produced, say)
    for worker in world.workers:
        await worker.start()
    await asyncio.gather(*(worker.ready(_READY_SECONDS) for worker in world.workers))
    if not scenario.backlog:
        say(f"{len(clients.numbers)} calls")
        await _call(scenario, world, clients)
    await _under_load(scenario, world, clients, runs, say)


async def _call(scenario: Scenario, world: World, clients: Clients) -> None:
    token = world.account.service_token
    refused = await post_calls(world.webs[0].url, token, clients.numbers, scenario.load.call_copies)
    world.problems += refused[:3]


async def _pile_up(world: World, clients: Clients, produced: int, say: Say) -> None:
    """Put calls into one topic, then messages into the other, while there is no worker."""
    records = [
        topics.Record("call-completed", json.dumps(body_of(number)).encode(), number.encode())
        for number in clients.numbers
    ]
    await topics.produce(world.kafka.bootstrap_servers, records)
    if produced:
        for _ in range(produced // len(clients.numbers)):
            messages = [topics.message(clients.wrote_elsewhere(number)) for number in clients.numbers]
            await topics.produce(world.kafka.bootstrap_servers, messages)
    else:
        await _write_to_all(clients)
    say(f"backlog of {len(records)} calls and {len(clients.written)} messages")


async def _write_to_all(clients: Clients) -> None:
    for number in clients.numbers:
        clients.turn(number, 2)
        await asyncio.sleep(0)
        while len([each for each in clients.written[-200:] if each.acked is None]) > 100:
            await asyncio.sleep(0.05)
    await clients.settle()


async def _under_load(scenario: Scenario, world: World, clients: Clients, runs: int, say: Say) -> None:
    over = asyncio.Event()
    world.twilio_faults, world.elevenlabs_faults = scenario.twilio_faults, scenario.elevenlabs_faults
    await world.vendors.break_twilio(**scenario.twilio_faults)
    await world.vendors.break_elevenlabs(**scenario.elevenlabs_faults)
    load = asyncio.create_task(clients.write(scenario.load.turns_per_second, over))
    await asyncio.sleep(scenario.load.warm_up)
    if scenario.extra:
        await scenario.extra(world, clients)
    ends_at = time.monotonic() + scenario.minutes * 60
    for number in itertools.count(1):
        say(f"fault {number}")
        await scenario.fault(world)
        await asyncio.sleep(world.chance.uniform(*scenario.pauses) if scenario.minutes else scenario.pause)
        if number >= scenario.times * runs and time.monotonic() >= ends_at:
            break
    over.set()
    await load
    say("load ends")
    await clients.settle()
    await asyncio.sleep(_COOL_SECONDS)


async def _judge(scenario: Scenario, world: World, clients: Clients, say: Say) -> Outcome:
    await _until_answered(scenario, world, clients)
    await asyncio.sleep(_AFTERMATH_SECONDS)
    if scenario.afterwards:
        await scenario.afterwards(world, clients)
    if scenario.stats:
        await compare_stats(world)
    asked = [each for each in await world.vendors.asked() if each.number not in world.excused]
    verdict = await _verdict(world, clients, asked)
    recoveries = [_recovery(at, world, clients, verdict) for at in world.faults]
    refusals = [refusal for message in clients.written for refusal in message.refusals]
    refused = sum(refusal != NOBODY_LISTENS or not scenario.may_be_down for refusal in refusals)
    outcome = Outcome(
        scenario,
        verdict,
        len(world.faults),
        len(refusals),
        refused,
        recoveries,
        world.redelivered,
        world.stats_differences,
    )
    outcome.notes += [*world.notes, *_caught_up(scenario, world, outcome, clients.written)]
    outcome.notes += soak.by_fault(world, clients.written, verdict.latencies)
    _keep(world.folder / "answers.csv", clients.written, verdict.latencies)
    outcome.problems += [*world.problems, *world.own_ends(), *verdict.problems]
    await _require(scenario, world, outcome)
    return outcome


def _keep(path: Path, written: list[Written], latencies: Mapping[str, float]) -> None:
    """Keep each message's time and its answer's, for anyone who wants to know more about a run."""
    with path.open("w") as file:
        rows = csv.writer(file)
        rows.writerow(("number", "text", "begun", "acked", "answered_after"))
        rows.writerows(
            (each.number, each.text, each.begun, each.acked, latencies.get(each.text)) for each in written
        )


async def _require(scenario: Scenario, world: World, outcome: Outcome) -> None:
    """Add a problem for each requirement beyond the promise that is not met."""
    problems, slowest = outcome.problems, max(outcome.recoveries, default=0.0)
    if scenario.recovery is not None and slowest > scenario.recovery:
        problems.append(f"answers flowed again after {slowest:.1f} s, {scenario.recovery:.0f} s wanted")
    slowest_answer = max(outcome.verdict.latencies.values(), default=0.0)
    if scenario.answered is not None and slowest_answer > scenario.answered:
        problems.append(f"an answer took {slowest_answer:.1f} s, {scenario.answered:.0f} s wanted")
    if outcome.refused and not scenario.may_refuse:
        problems.append(f"web did not take {outcome.refused} webhooks at their first try")
    if outcome.verdict.unacknowledged:
        problems.append(f"{outcome.verdict.unacknowledged} messages were never acknowledged")
    if scenario.redelivered is not None and (outcome.redelivered or 0) > scenario.redelivered:
        problems.append(f"{outcome.redelivered} answered messages would be delivered again")


def _caught_up(scenario: Scenario, world: World, outcome: Outcome, written: list[Written]) -> list[str]:
    """Judge and describe, for each outage, when those who wrote during it were answered."""
    return [
        _told(scenario, outage, outcome, written)
        for outage in world.outages
        if scenario.caught_up is not None
    ]


def _told(scenario: Scenario, outage: Outage, outcome: Outcome, written: list[Written]) -> str:
    name, verdict = f"{outage.kind}: " if outage.kind else "", outcome.verdict
    waited = list(answered_since(outage.begun, outage.ended, written, verdict.latencies))
    if not waited:
        outcome.problems.append(f"{name}nobody wrote in an outage, or nobody was answered")
        return f"{name}nobody was answered"
    line = f"{name}{len(waited)} messages written in the outage were answered"
    line += f" {told(at_shares(waited, 0.5, 0.99))} s (p50 / p99) after it"
    judged = waited
    if scenario.waits_for_rate:
        judged = list(
            beyond_the_rate(waited, outage.ended, verdict.sent_at, DEFAULTS.twilio_messages_per_second)
        )
        line += f", {told(at_shares(judged, 0.5, 0.99))} s after their turn at the sender's rate"
    if any(
        each > bound
        for each, bound in zip(at_shares(judged, 0.5, 0.99), scenario.caught_up or (), strict=True)
    ):
        outcome.problems.append(f"{line}; {scenario.caught_up} wanted")
    return line


async def _until_answered(scenario: Scenario, world: World, clients: Clients) -> None:
    """Wait until every acknowledged message is answered, or until nothing has moved for too long."""
    lost, moved = -1, time.monotonic()
    while True:
        begun = time.monotonic()
        now_lost = (await _verdict(world, clients, [])).lost
        if now_lost != lost:
            lost, moved = now_lost, time.monotonic()
        if now_lost == 0 or time.monotonic() - moved > scenario.stuck_seconds:
            return
        await asyncio.sleep(
            min(max(_LOOK_SECONDS, _LOOK_SHARE * (time.monotonic() - begun)), _LONGEST_PAUSE_SECONDS)
        )


async def _verdict(world: World, clients: Clients, asked: list[Asked]) -> Verdict:
    numbers = [number for number in (*clients.numbers, *world.called_later) if number not in world.excused]
    written = [message for message in clients.written if message.number not in world.excused]
    sent = [message for message in await world.vendors.sent() if message.number not in world.excused]
    return judge(numbers, written, sent, asked, world.apology)


def _recovery(at: float, world: World, clients: Clients, verdict: Verdict) -> float:
    """Return the seconds from a fault to the slowest partition's first answer to what was written since."""
    first: dict[int, float] = {}
    for message in clients.written:
        if (
            message.begun >= at
            and message.text in verdict.latencies
            and message.number not in world.held_back
        ):
            answered = message.begun + verdict.latencies[message.text] - at
            partition = (murmur2(message.number.encode()) & 0x7FFFFFFF) % topics.PARTITIONS
            first[partition] = min(answered, first.get(partition, answered))
    return max(first.values(), default=float("inf"))
