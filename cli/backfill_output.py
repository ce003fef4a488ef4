"""What `backfill` prints."""

from typing import Any

from rich.table import Table

from cli.console import plain_console
from schemas.phone import masked
from web.backfill import Findings
from web.backfill_calls import CallFindings

Json = dict[str, Any]


def as_json(findings: Findings, calls: CallFindings | None, problem: str | None, *, dry_run: bool) -> Json:
    """Return all findings. `problem`: why ElevenLabs was not compared."""
    return {
        "since": findings.since.isoformat(),
        "until": findings.until.isoformat(),
        "published": not dry_run,
        "listed": findings.listed,
        "messages": [
            {"sid": each.sid, "from": each.from_, "at": each.created.isoformat()}
            for each in findings.messages
        ],
        "statuses": [{"sid": each.sid, "status": each.status} for each in findings.statuses],
        "sends": [
            {"own_id": own_id, "sid": each.sid, "status": each.status} for own_id, each in findings.sends
        ],
        "elevenlabs": {"problem": problem} if calls is None else _calls(calls),
    }


def _calls(calls: CallFindings) -> Json:
    return {
        "problem": None,
        "summaries": [
            {
                "conversation_id": call,
                "has_summary": known.summary is not None,
                "duration_secs": known.duration_secs,
            }
            for call, known in calls.summaries
        ],
        "calls": [
            {
                "conversation_id": each.call.event_id,
                "number": each.call.key,
                "status": each.status,
                "batch_id": each.call.batch_id,
                "ended": each.ended.isoformat(),
            }
            for each in calls.calls
        ],
        "other_batches": [{"batch_id": each.batch_id, "name": each.name} for each in calls.others],
    }


def show(findings: Findings, calls: CallFindings | None, problem: str | None, *, dry_run: bool) -> None:
    """Print the findings for a person."""
    console = plain_console(soft_wrap=True)
    console.print(
        f"Twilio lists {findings.listed} messages from {findings.since:%F %T} to {findings.until:%F %T} UTC."
    )
    if calls is None:
        console.print(f"ElevenLabs was not compared: {problem}.")
    if not findings.any and not (calls and calls.any):
        console.print("Nothing was missed.")
    else:
        done = "would be published" if dry_run else "published"
        table = Table("what", "number", "when (UTC)", "id", title=f"missed, {done}")
        _add_messages(table, findings)
        _add_calls(table, calls or CallFindings())
        console.print(table)
    for batch in calls.others if calls else ():
        console.print(
            f"Batch {batch.batch_id} ({batch.name}) had calls, of which none was told of here; to begin its "
            f"conversations: --batch {batch.batch_id}"
        )


def _add_messages(table: Table, findings: Findings) -> None:
    for each in findings.messages:
        table.add_row("message", _number(each.from_), f"{each.created:%F %T}", each.sid)
    for each in findings.statuses:
        table.add_row(f"status {each.status}", _number(each.to), f"{each.created:%F %T}", each.sid)
    for _, each in findings.sends:
        table.add_row("send found", _number(each.to), f"{each.created:%F %T}", each.sid)


def _add_calls(table: Table, calls: CallFindings) -> None:
    for each in calls.calls:
        table.add_row(f"call {each.status}", masked(each.call.key), f"{each.ended:%F %T}", each.call.event_id)
    for call, known in calls.summaries:
        table.add_row("summary" if known.summary else "duration", "", "", call)


def _number(address: str) -> str:
    return masked(address.removeprefix("whatsapp:"))
