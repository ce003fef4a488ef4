"""The sub-commands of `conversation`, whose options are all spelled alike."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.environment import environment_table
from cli.process import Beside, Json, run
from schemas.documents import parse_object
from schemas.errors import InvalidInput

app = typer.Typer(
    help="Tell a conversation what to do: close, escalate, resume, write, change-agent.", no_args_is_help=True
)

Number = Annotated[str, typer.Argument(help="The client's number, in any spelling.")]
By = Annotated[str | None, typer.Option(help="Who says so. Default: the user's name.")]
Id = Annotated[str | None, typer.Option("--id", help="The command's id: with the same one it is done once.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the event.")]
_DATA_DIR = Path(".data")


def _json_object(text: str) -> dict[str, Any]:
    try:
        return parse_object(text.encode())
    except InvalidInput as error:
        raise typer.BadParameter(f'--content-variables {error.why}, such as {{"1": "Ana"}}') from error


def _run(name: str, number: str, options: dict[str, Any], data_dir: Path, *, as_json: bool) -> None:
    from cli.conversation import run_command

    body = {"command": name} | {option: value for option, value in options.items() if value is not None}
    run(lambda settings: run_command(settings, number, body, as_json=as_json), data_dir)


@app.command(epilog=environment_table())
def close(
    number: Number,
    by: By = None,
    reason: Reason = None,
    command_id: Id = None,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Close the conversation: nobody answers until the client writes again or a call ends."""
    _run("close", number, {"by": by, "reason": reason, "command_id": command_id}, data_dir, as_json=as_json)


@app.command(epilog=environment_table())
def escalate(
    number: Number,
    by: By = None,
    reason: Reason = None,
    command_id: Id = None,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Let a person take over: the agent is silent, and the client's messages are kept."""
    _run(
        "escalate", number, {"by": by, "reason": reason, "command_id": command_id}, data_dir, as_json=as_json
    )


@app.command(epilog=environment_table())
def resume(
    number: Number,
    by: By = None,
    reason: Reason = None,
    command_id: Id = None,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Let the agent answer again."""
    _run("resume", number, {"by": by, "reason": reason, "command_id": command_id}, data_dir, as_json=as_json)


@app.command(epilog=environment_table())
def write(
    number: Number,
    text: Annotated[str | None, typer.Option(help="What is sent, word for word.")] = None,
    content_sid: Annotated[
        str | None, typer.Option(help="An approved template (HX…), outside the 24-hour window.")
    ] = None,
    content_variables: Annotated[
        str | None, typer.Option(help="What fills the template's variables: JSON.")
    ] = None,
    by: By = None,
    command_id: Id = None,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Send the client a message."""
    variables = None if content_variables is None else _json_object(content_variables)
    template = {"content_sid": content_sid, "content_variables": variables}
    options = {"text": text, **template, "by": by, "command_id": command_id}
    _run("write", number, options, data_dir, as_json=as_json)


@app.command("change-agent", epilog=environment_table())
def change_agent(
    number: Number,
    agent_id: Annotated[str, typer.Option(help="The ElevenLabs agent that answers from now on.")],
    by: By = None,
    reason: Reason = None,
    command_id: Id = None,
    as_json: Json = False,
    data_dir: Beside = _DATA_DIR,
) -> None:
    """Let another agent answer from now on."""
    options = {"agent_id": agent_id, "by": by, "reason": reason, "command_id": command_id}
    _run("change_agent", number, options, data_dir, as_json=as_json)
