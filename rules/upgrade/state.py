"""The state of a former build's conversation, as its rows say it."""

from datetime import datetime
from typing import Final

from rules.person import OptOut
from rules.policy import Policy
from rules.state import Conversation, EarlyReport, Post, Status
from rules.turns import Turn, Wait
from rules.upgrade.came_back import came_back
from rules.upgrade.turns import open_turn, wait_of, waits_again
from schemas.former import FormerConversation, FormerPost, FormerRow, FormerTurn
from schemas.rows import Json

# As long as a template's value may be, see `rules.evolve`.
_LONGEST_SUMMARY = 700
_STATUSES: Final[dict[str | None, Status]] = {"escalated": "escalated", "closed": "closed"}
_FAILURES: Final = {
    "suppress": "suppress",
    "outside": "outside_window",
    "passing": "passing",
    "failed": "final",
}


def state_of(former: FormerConversation, now: datetime, policy: Policy) -> Conversation:
    """Return the state as it was, before any waiting input is looked at."""
    bare = Conversation(key=former.key, opt_out=_opt_out(former), early_reports=_early_reports(former))
    return bare if former.row is None else _begun(former, former.row, now, policy)


def _begun(former: FormerConversation, row: FormerRow, now: datetime, policy: Policy) -> Conversation:
    address = row.address or f"whatsapp:{former.key}"
    under_way = _open(former)
    return Conversation(
        key=former.key,
        id=row.id,
        has_begun=True,
        number=row.event_number,
        client_name=row.client_name,
        agent_name=row.call.get("agent_name"),
        group_name=(row.call.get("call_metadata") or {}).get("group_name") or "N/A",
        summary=row.call_summary[:_LONGEST_SUMMARY] if row.call_summary is not None else None,
        call_duration_secs=row.call_duration_secs,
        agent_id=row.agent_id,
        elevenlabs_conversation_id=row.elevenlabs_conversation_id,
        call_status=(row.call.get("recipient") or {}).get("status"),
        batch_id=row.batch_id,
        recipient_id=row.recipient_id,
        first_sid=row.first_sid,
        address=address,
        status=_STATUSES.get(row.status, "active"),
        started_at=row.started_at,
        last_message_at=row.last_message_at,
        last_inbound_at=row.last_inbound_at,
        escalated_at=row.escalated_at,
        closed_at=row.closed_at,
        message_count=row.message_count,
        said_meanwhile_since=row.escalated_since,
        agent_changed=row.agent_changed,
        has_details=row.has_details,
        opt_out=_opt_out(former),
        inbox=waits_again(under_way) if under_way is not None else (),
        ask_wait=_ask_wait(under_way),
        turn=_turn(under_way),
        came_back=came_back(former.turns, address, now),
        lookups=_lookups(former),
        posts=tuple(_post(post) for post in former.posts if post.payload["type"] in policy.told),
        early_reports=_early_reports(former),
        position=former.newest_command,
        commands=former.commands,
    )


def _open(former: FormerConversation) -> FormerTurn | None:
    return next((turn for turn in former.turns if turn.state in ("begun", "answered")), None)


def _turn(turn: FormerTurn | None) -> Turn | None:
    return None if turn is None else open_turn(turn)


def _ask_wait(turn: FormerTurn | None) -> Wait | None:
    return wait_of(turn) if turn is not None and turn.kind == "reply" and turn.state == "begun" else None


def _opt_out(former: FormerConversation) -> OptOut | None:
    known = former.suppression
    if known is None:
        return None
    return OptOut(source=known.source, event_id=known.event_id, since=known.since)  # type: ignore[arg-type]


def _lookups(former: FormerConversation) -> Wait | None:
    if former.lookup is None:
        return None
    tries, due_at = former.lookup
    return Wait(reason="backoff", until=due_at, tries=tries)


def _post(post: FormerPost) -> Post:
    return Post(number=post.payload["number"], made_at=post.made_at, tries=post.tries, due=post.due_at)


def _early_reports(former: FormerConversation) -> tuple[EarlyReport, ...]:
    return tuple(_early_report(report) for report in former.reports)


def _early_report(report: Json) -> EarlyReport:
    failure = next((kind for flag, kind in _FAILURES.items() if report.get(flag)), None)
    return EarlyReport(
        sid=report["sid"],
        status=report["status"],
        rank=report["rank"],
        at=datetime.fromisoformat(report["at"]),
        failure=failure,
        code=report.get("error_code"),
        reason=report.get("reason"),
        words=report.get("vendor_words"),
    )
