"""`repartition`: gives topics more partitions, or replaces them; no waiting event is lost or overtaken."""

import asyncio
import json
from dataclasses import asdict, dataclass

import typer

from cli.connected import pool_of, still_running
from clients.kafka.repartition import Source, copy, grow
from clients.kafka.topics import ensure_topics, open_admin, partition_counts, partitions_of, topic_names
from db.pool import Pool
from db.store.ownership import claim, release
from db.store.placement import know_partitions, known_partitions
from schemas.errors import ConfigurationError, InvalidInput, Unavailable
from schemas.models import TAKEN_UP
from schemas.settings import Settings, require
from schemas.topics import CALL_COMPLETED, CONVERSATION_EVENT, STATS_GROUP, WORKER_GROUP, topic_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was moved. `former`: partitions of each topic before; `moved`: events that waited, by topic."""

    partitions: int
    former: dict[str, int]
    moved: dict[str, int]
    dry_run: bool


def run_repartition(
    settings: Settings, former_prefix: str | None, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Move to the new partitions or topics. Return 1 if that was declined, else 0.

    Raises:
        InvalidInput, ConfigurationError: topics are missing, or cannot be changed.
        Unavailable: processes are running, or Kafka or Postgres does not answer.
    """
    require(settings, "database_url", "kafka_bootstrap_servers")
    if former_prefix == settings.topic_prefix:
        raise InvalidInput(
            "--from", "is TOPIC_PREFIX; leave it out to have more partitions in the same topics"
        )
    former = (
        settings if former_prefix is None else settings.model_copy(update={"topic_prefix": former_prefix})
    )
    return asyncio.run(_run(settings, former, dry_run=dry_run, yes=yes, as_json=as_json))


async def _run(settings: Settings, former: Settings, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    async with open_admin(former) as admin:
        counts = await partition_counts(admin, topic_names(former))
    if missing := {topic_name(former.topic_prefix, topic) for topic in TAKEN_UP} - counts.keys():
        raise ConfigurationError(f"topics are missing: {', '.join(sorted(missing))}")
    partitions = (
        max(settings.topic_partitions, *counts.values()) if settings is former else settings.topic_partitions
    )
    async with Source.of(former, WORKER_GROUP) as source:
        waiting = [
            await source.waiting(topic, counts[topic_name(former.topic_prefix, topic)]) for topic in TAKEN_UP
        ]
    plan = Report(
        partitions=partitions, former=counts, moved={each.topic: each.count for each in waiting}, dry_run=True
    )
    if dry_run:
        _print(plan, as_json=as_json)
        return 0
    if not yes and not typer.confirm(_question(plan), err=True):
        return 1
    _print(await _move(settings, former, plan), as_json=as_json)
    return 0


async def _move(settings: Settings, former: Settings, plan: Report) -> Report:
    await _check_stopped(settings, former)
    pool = await pool_of(settings)
    try:
        await _fence(pool)
        if settings is former:
            await grow(settings, plan.partitions)
        else:
            await ensure_topics(settings)
        partitions = await partitions_of(settings, topic_name(settings.topic_prefix, CALL_COMPLETED))
        moved = await _copy(settings, former, partitions if settings is former else max(plan.former.values()))
        await know_partitions(pool, partitions)  # last: from here on workers can start
    finally:
        await pool.close()
    return Report(partitions=partitions, former=plan.former, moved=moved, dry_run=False)


async def _check_stopped(*several: Settings) -> None:
    for settings in several:
        for group in (WORKER_GROUP, STATS_GROUP):
            if await still_running(settings, group):
                raise Unavailable(
                    f"processes of {topic_name(settings.topic_prefix, group)} are running; stop them"
                )


async def _fence(pool: Pool) -> None:
    """Keep a frozen worker, which is no longer a member of its group, from writing anything from here on."""
    claims = await claim(pool, range(await known_partitions(pool)), "repartition")
    await release(pool, {partition: each.epoch for partition, each in claims.items()})


async def _copy(settings: Settings, former: Settings, partitions: int) -> dict[str, int]:
    moved = {}
    async with Source.of(former, WORKER_GROUP) as source:
        for topic in TAKEN_UP:  # calls first: a message is answered with its call
            moved[topic] = await copy(settings, source, await source.waiting(topic, partitions))
    async with Source.of(former, STATS_GROUP) as events:  # the statistics are rebuilt from Postgres
        await events.count_as_read(await events.waiting(CONVERSATION_EVENT, partitions))
    return moved


def _question(plan: Report) -> str:
    return f"Move {sum(plan.moved.values())} events that wait to topics of {plan.partitions} partitions?"


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(report)))
        return
    would = "would have" if report.dry_run else "have"
    print(f"the topics {would} {report.partitions} partitions; events that waited and {would} been moved:")
    for topic, count in report.moved.items():
        print(f"  {topic:<22}{count:>10}")
