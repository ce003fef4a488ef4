"""The sub-commands of `dead-letters`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.environment import environment_table
from cli.process import Beside, Json, Yes, run, whoami

app = typer.Typer(help="Work with what could not be done.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="As `list` shows them.")]
By = Annotated[str | None, typer.Option(help="Who does it. Default: the user's name.")]
_DATA_DIR = Path(".data")


@app.command("list", epilog=environment_table())
def list_(
    state: Annotated[str, typer.Option(help="open, retried, discarded, resolved or all.")] = "open",
    reason: Annotated[str | None, typer.Option(help="Only with this reason.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only of this topic.")] = None,
    number: Annotated[str | None, typer.Option(help="Only of this number.")] = None,
    since: Annotated[str | None, typer.Option(help="ISO 8601 time, or an age such as 1h.")] = None,
    limit: Annotated[int, typer.Option(help="As many a page.")] = 50,
    before: Annotated[str | None, typer.Option(help="The last id of the page before.")] = None,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """List what could not be done, newest first."""
    from cli.dead_letters import run_list

    given = {
        "state": state,
        "reason": reason,
        "topic": topic,
        "number": number,
        "since": since,
        "before": before,
    }
    query = {name: value for name, value in given.items() if value is not None} | {"limit": str(limit)}
    run(lambda settings: run_list(settings, query, as_json=as_json), data_dir)


@app.command(epilog=environment_table())
def show(
    letter_id: Annotated[str, typer.Argument(help="As `list` shows it.")],
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Show a dead letter with its bytes, its reason, its tries and where it came from."""
    from cli.dead_letters import run_show

    run(lambda settings: run_show(settings, letter_id, as_json=as_json), data_dir)


@app.command(epilog=environment_table())
def retry(
    ids: Ids = None,
    reason: Annotated[str | None, typer.Option(help="All with this reason.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    value: Annotated[
        Path | None,
        typer.Option(help="File with the edited value of a single one.", exists=True, dir_okay=False),
    ] = None,
    rate: Annotated[float, typer.Option(help="Letters per second.")] = 50.0,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Publish letters again under their own ids, oldest first; those that would only die again are kept."""
    from cli.dead_letters import run_retry

    if value is not None and len(ids or ()) != 1:
        raise typer.BadParameter("edits one letter: give its id alone", param_hint="--value")
    edited = value.read_bytes() if value else None
    name = by or whoami()
    run(
        lambda settings: run_retry(
            settings, name, ids or [], reason, edited, rate, everything=everything, yes=yes, as_json=as_json
        ),
        data_dir,
    )


@app.command(epilog=environment_table())
def discard(
    ids: Annotated[list[str], typer.Argument(help="As `list` shows them.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    by: By = None,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Dismiss dead letters; their bytes and the reason are kept."""
    from cli.dead_letters import run_discard

    run(
        lambda settings: run_discard(settings, by or whoami(), ids, reason, as_json=as_json),
        data_dir,
    )
