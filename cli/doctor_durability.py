"""`doctor` on what loses data silently: Kafka's copies and retention, Postgres' commits, offsets that are gone."""

from aiokafka.errors import KafkaError

from cli.findings import Finding
from clients.kafka.topic_configs import differences
from db.pool import POSTGRES_ERRORS, connect
from schemas.events import TAKEN_UP
from schemas.settings import Settings
from schemas.topics import WORKER_GROUP
from streams.engine.durability import lost_offsets, risks, topics

_SECONDS = 5.0
_WHAT = "durability"
_LOOPBACK = ("127.", "localhost", "[::1]")


async def durability(settings: Settings, remembered_hours: float) -> list[Finding]:
    """Look; what cannot be reached is said by the checks of Kafka and Postgres themselves."""
    findings = [*await _kafka(settings, remembered_hours), *await _postgres(settings)]
    return findings or [Finding(_WHAT, "ok")]


async def _kafka(settings: Settings, remembered_hours: float) -> list[Finding]:
    if settings.kafka_bootstrap_servers is None or settings.kafka_embedded:  # which keeps nothing that is to last
        return []
    try:
        found = risks(await topics(settings), remembered_hours=remembered_hours)
        lost = await lost_offsets(settings, WORKER_GROUP, sorted(TAKEN_UP))
        other = await differences(settings)
    except (KafkaError, OSError, TimeoutError):
        return []
    # A trial on one machine has one disk, whatever is set; it is said, and nothing is to be done about it.
    is_trial = all(server.strip().startswith(_LOOPBACK) for server in settings.kafka_bootstrap_servers.split(","))
    return [
        *(Finding(_WHAT, what, "" if is_trial and "replica" in what else advice) for what, advice in found),
        *(
            Finding(_WHAT, f"{each.topic}: {each.name}={each.found}, by the settings {each.wanted}", "run `migrate`")
            for each in other
        ),
        *(
            Finding(
                _WHAT,
                each,
                "events are lost or the topic was made anew; the worker goes on at the earliest: `backfill`, then `replay`",
            )
            for each in lost
        ),
    ]


async def _postgres(settings: Settings) -> list[Finding]:
    if settings.database_url is None:
        return []
    try:
        connection = await connect(settings.database_url, _SECONDS)
        try:
            names = ("synchronous_commit", "fsync", "full_page_writes")
            values = {name: await connection.fetchval(f"SHOW {name}") for name in names}
        finally:
            await connection.close()
    except (*POSTGRES_ERRORS, ValueError):
        return []
    return [
        Finding(_WHAT, f"Postgres: {name}={value}", f"set {name}=on: a crash loses steps that were acknowledged")
        for name, value in values.items()
        if value == "off"
    ]
