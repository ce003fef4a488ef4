"""The program `whatsapp-microservice`."""

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.conversation_commands import app as conversation_app
from cli.dead_letter_commands import app as dead_letters_app
from cli.environment import environment_table
from cli.process import Beside, DryRun, Json, Since, Until, Yes
from cli.process import run as _run
from schemas.settings import Settings, require

app = typer.Typer(
    name="whatsapp-microservice",
    help="Carries a phone call of an ElevenLabs agent on over WhatsApp, with the same agent.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # they show variables, secrets among them
)
app.add_typer(conversation_app, name="conversation")
app.add_typer(dead_letters_app, name="dead-letters")
_ENVIRONMENT = environment_table()

DataDir = Annotated[Path, typer.Option(help="Where the stand-ins keep their data.")]
_DATA_DIR = Path(".data")
Jars = Annotated[Path, typer.Option(help="Apache Kafka's jars, brought by `make kafka`.")]


@app.command(epilog=_ENVIRONMENT)
def web() -> None:
    """Serve HTTP: the API, Twilio's webhooks, health."""
    from web.run import run

    _run(run, served=True)


@app.command(epilog=_ENVIRONMENT)
def worker() -> None:
    """Run conversations: take events from Kafka, ask the agent, send, record."""
    from cli.doctor_checks import warn_of_templates
    from streams.worker.run import run

    def warned(settings: Settings) -> int:
        if settings.twilio_first_message_content_sid is not None:
            warn_of_templates(settings)
        return run(settings)

    _run(warned, served=True)


@app.command("stats-worker", epilog=_ENVIRONMENT)
def stats_worker() -> None:
    """Keep the live statistics in Faust tables and serve them."""
    from streams.stats.run import run

    _run(run, served=True)


@app.command(epilog=_ENVIRONMENT)
def stats(
    check: Annotated[
        bool, typer.Option("--check", help="Compare with Postgres; exit 1 on differences.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the tables again while the service runs.")
    ] = False,
    source: Annotated[
        Literal["topic", "postgres"],
        typer.Option(
            help="--rebuild: from conversation-event, as far back as it reaches, or all of it from Postgres."
        ),
    ] = "topic",
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for events on their way; then exit 3.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Show the live statistics, compare them with Postgres, or rebuild them."""
    from cli.stats import run_stats

    rebuilt = source if rebuild else None
    _run(
        lambda settings: run_stats(settings, check=check, rebuild=rebuilt, patience=wait, as_json=as_json),
        data_dir,
    )


@app.command(epilog=_ENVIRONMENT)
def migrate(
    topics_only: Annotated[
        bool, typer.Option("--print-topics", help="Do nothing, but print the commands that make the topics.")
    ] = False,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Migrate the database's schema and make the topics; safe to repeat and to run twice at once."""
    from cli.prepare import print_topics

    work = print_topics if topics_only else _migrate
    _run(lambda settings: work(settings, as_json=as_json), data_dir)


@app.command(epilog=_ENVIRONMENT)
def repartition(
    former: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="The TOPIC_PREFIX of the topics before, where others take "
            "their place. Not given: the same topics get more partitions.",
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Move to TOPIC_PARTITIONS partitions, or to more if a topic has more. All processes must be stopped."""
    from cli.repartition import run_repartition

    _run(
        lambda settings: run_repartition(settings, former, dry_run=dry_run, yes=yes, as_json=as_json),
        data_dir,
    )


@app.command(epilog=_ENVIRONMENT)
def up(data_dir: DataDir = Path(".data"), jars: Jars = Path(".kafka"), workers: int = 1) -> None:
    """Run everything on this machine, with stand-ins for parts whose variable is not set. Ctrl-C stops it."""
    from cli.up import run_up

    _run(lambda settings: run_up(settings, data_dir, jars, workers))


@app.command(epilog=_ENVIRONMENT)
def demo(
    calls: Annotated[int, typer.Option(min=1, max=100_000)] = 20,
    messages: int = 100,
    data_dir: DataDir = Path(".data"),
    as_json: Json = False,
) -> None:
    """Play calls and chatting clients against a running `up`; say what was lost, doubled or out of order."""
    from cli.demo import run_demo

    _run(lambda settings: run_demo(data_dir, calls, messages, as_json=as_json))


@app.command(epilog=_ENVIRONMENT)
def doctor(as_json: Json = False, data_dir: Beside = _DATA_DIR) -> None:
    """Report what is configured, reachable and consistent, and what to do about what is not."""
    from cli.doctor import run_doctor

    _run(lambda settings: run_doctor(settings, as_json=as_json), data_dir)


@app.command(epilog=_ENVIRONMENT)
def backfill(
    since: Since,
    until: Until = None,
    batch: Annotated[
        list[str] | None, typer.Option(help="Also this batch's or campaign's calls; repeatable.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Fetch what was missed.

    Twilio: clients' messages, delivery reports, sends of unknown outcome. ElevenLabs: summaries, durations,
    ended calls of the campaigns that are known here.
    """
    from cli.backfill import run_backfill

    _run(
        lambda settings: run_backfill(
            settings, since, until, batches=batch or (), dry_run=dry_run, json_output=as_json
        ),
        data_dir,
    )


@app.command(epilog=_ENVIRONMENT)
def erase(
    number: Annotated[str, typer.Argument(help="The client's number, in any spelling.")],
    yes: Yes = False,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Forget one number: conversation, messages, log. Its opt-out is kept."""
    from cli.person import run_erase

    _run(lambda settings: run_erase(settings, number, yes=yes, as_json=as_json), data_dir)


@app.command(epilog=_ENVIRONMENT)
def export(
    number: Annotated[str, typer.Argument(help="The client's number, in any spelling.")],
    as_json: Annotated[bool, typer.Option("--json", help="It is JSON in any case.")] = False,  # noqa: ARG001
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Print everything that is kept of one number, as JSON."""
    from cli.person import run_export

    _run(lambda settings: run_export(settings, number), data_dir)


@app.command(epilog=_ENVIRONMENT)
def replay(
    topic: Annotated[str, typer.Argument(help="The topic to process again, without TOPIC_PREFIX.")] = "",
    since: Annotated[
        str | None, typer.Option(help="ISO 8601 time (UTC without zone), or an age such as 1h.")
    ] = None,
    until: Until = None,
    from_offset: Annotated[
        int | None, typer.Option(help="Instead of --since: first offset of each partition.")
    ] = None,
    to_offset: Annotated[int | None, typer.Option(help="The first offset that is left out.")] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="resume: finish what is unfinished. rebuild: the tables again from the log. "
            "again: ask and send once more. what-if: which decisions would differ."
        ),
    ] = "resume",
    number: Annotated[str | None, typer.Option(help="Only this number.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only this campaign (batch_id).")] = None,
    only: Annotated[str | None, typer.Option(help="failed: only events whose turn failed.")] = None,
    rate: Annotated[float, typer.Option(help="Events per second.")] = 100.0,
    identity: Annotated[str | None, typer.Option("--id", help="Go on with an interrupted replay.")] = None,
    into: Annotated[str | None, typer.Option(help="rebuild: an empty database, postgresql://…")] = None,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="rebuild: fill DATABASE_URL up, after a restore.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Process a past window of a topic again, after showing what would happen."""
    from cli.replay import Options, run_replay

    options = Options(
        topic=topic,
        since=since,
        until=until,
        from_offset=from_offset,
        to_offset=to_offset,
        mode=mode,
        number=number,
        batch=batch,
        only=only,
        rate=rate,
        identity=identity,
        into=into,
        catch_up=catch_up,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )
    _run(lambda settings: run_replay(settings, options), data_dir)


def _migrate(settings: Settings, *, as_json: bool) -> int:
    from cli.prepare import prepare, print_prepared

    require(settings, "database_url", "kafka_bootstrap_servers")
    asyncio.run(prepare(settings))
    if as_json:
        print_prepared(settings)
    return 0


def main() -> None:
    """Run a command; the program's entry is `cli.__main__`."""
    app()
