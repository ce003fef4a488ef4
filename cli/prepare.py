"""What must be there before the processes: the schema in Postgres, the topics in Kafka."""

from db.migrate import migrate
from db.start import when_postgres_answers
from schemas.settings import Settings
from streams.engine.start import when_kafka_answers
from streams.engine.topics import ensure_topics


async def prepare(settings: Settings) -> None:
    """Migrate and make the topics; safe to repeat and to run twice at once.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right, or topics exist with differing partition counts.
        Unavailable: Postgres or Kafka was not there in time.
    """
    url = settings.database_url
    assert url is not None, "required of everybody who prepares"
    await when_postgres_answers(settings, lambda: migrate(url))
    await when_kafka_answers(settings, lambda: ensure_topics(settings))
