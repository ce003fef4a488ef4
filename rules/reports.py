"""Delivery reports: in any order, repeated, hours later.

The furthest counts; a failure may bring a message back.
"""

from typing import cast

from rules import came_back, held_sends, known_sends, left_in_silence, opt_out, sending
from rules.draft import Draft
from rules.events import Delivered, DeliveryFailed, ReportedEarly
from rules.inputs import DeliveryReported, Failure, FailureKind, KnownSend, LookupDone, SendAccepted
from rules.state import EarlyReport
from rules.turns import Part


def on_report(draft: Draft, report: DeliveryReported) -> None:
    """Record a report; one that proves a send whose outcome is open completes that first.

    A report whose send was read before its number was erased finds nobody.
    """
    if report.send is not None and report.send.conversation_id not in (None, draft.state.id):
        return
    found = sending.under_way(draft.state, report.own_id)
    if found is not None and found[1].tries:
        _prove(draft, report, found[1])
    elif report.send is None:
        _keep_early(draft, report)
    elif report.held is not None and report.send.state == "held" and report.sid is not None:
        _note(draft, report, held_sends.prove(draft, report.held, report.send, report.sid))
    elif report.send.sid is None or report.rank > report.send.rank:
        _note(draft, report, report.send)


def on_lookup(draft: Draft, lookup: LookupDone) -> None:
    """Accept an unknown send that was found, as of when it was intended."""
    found = sending.under_way(draft.state, lookup.own_id)
    if lookup.sid is None or found is None:
        sending.on_lookup(draft, lookup)
    else:
        accept(draft, SendAccepted(own_id=lookup.own_id, sid=lookup.sid, at=found[1].intended_at))


def _prove(draft: Draft, report: DeliveryReported, part: Part) -> None:
    if report.sid is None:
        return
    accepted = SendAccepted(own_id=part.own_id, sid=report.sid, at=part.intended_at)
    if (send := accept(draft, accepted)) is not None:
        _note_newer(draft, report, send)


def accept(draft: Draft, accepted: SendAccepted) -> KnownSend | None:
    """Complete a send and take up earlier reports of it; return it as its table will have it."""
    found = sending.under_way(draft.state, accepted.own_id)
    early = [report for report in draft.state.early_reports if report.sid == accepted.sid]
    sent = sending.on_accepted(draft, accepted)
    if found is None or sent is None:
        return None
    send = known_sends.of_part(*found, sent)
    for report in sorted(early, key=lambda each: each.rank):
        send = _note_newer(draft, _of_early(report), send)
    return send


def _note_newer(draft: Draft, report: DeliveryReported, send: KnownSend) -> KnownSend:
    """Record a report that is further than all that is known; return the send as its table will have it."""
    if report.rank <= send.rank:
        return send
    return known_sends.reported(send, _note(draft, report, send))


def _of_early(report: EarlyReport) -> DeliveryReported:
    kind = cast(FailureKind | None, report.failure)
    failure = None
    if kind is not None:
        failure = Failure(kind=kind, code=report.code, reason=report.reason, vendor_words=report.words)
    return DeliveryReported(
        sid=report.sid,
        status=report.status,
        rank=report.rank,
        at=report.at,
        delivered=report.status in ("delivered", "read"),
        read=report.status == "read",
        failure=failure,
    )


def _keep_early(draft: Draft, report: DeliveryReported) -> None:
    """Keep a report without an id of ours: it may be of the message whose acceptance is still to come."""
    turn = draft.state.turn
    waits = turn is not None and any(part.state in ("intended", "unknown") for part in turn.parts)
    if report.sid is None or not waits:
        return
    failure = report.failure
    draft.emit(
        ReportedEarly(
            sid=report.sid,
            status=report.status,
            rank=report.rank,
            at=report.at,
            failure=failure.kind if failure else None,
            code=failure.code if failure else None,
            reason=failure.reason if failure else None,
            words=failure.vendor_words if failure else None,
        )
    )


def _note(draft: Draft, report: DeliveryReported, send: KnownSend) -> Delivered | DeliveryFailed:
    if report.failure is not None:
        return _failed(draft, report, send, report.failure)
    delivered = Delivered(
        own_id=send.own_id,
        sid=send.sid or report.sid or "",
        status=report.status,
        rank=report.rank,
        kind=_kind(send),
        turn_id=send.turn_id,
        message_id=send.message_id,
        delivered_at=send.delivered_at or (report.at if report.delivered else None),
        read_at=send.read_at or (report.at if report.read else None),
    )
    draft.emit(delivered)
    return delivered


def _failed(draft: Draft, report: DeliveryReported, send: KnownSend, failure: Failure) -> DeliveryFailed:
    failed = DeliveryFailed(
        own_id=send.own_id,
        sid=send.sid or report.sid or "",
        status=report.status,
        rank=report.rank,
        kind=_kind(send),
        turn_id=send.turn_id,
        message_id=send.message_id,
        code=failure.code,
        reason=failure.reason,
        vendor_words=failure.vendor_words,
        came_back=came_back.of_report(draft.state, report, send),
    )
    draft.emit(failed)
    if failure.kind == "suppress":
        opt_out.by_vendor(draft, failure.code)
    elif not send.came_back and send.delivered_at is None and not _comes_back(draft, send):
        left_in_silence.failed(draft, send, failure.reason or "")
    return failed


def _kind(send: KnownSend) -> str:
    return "first" if send.turn_kind == "call" else "reply"


def _comes_back(draft: Draft, send: KnownSend) -> bool:
    own_ids = (part.own_id for back in draft.state.came_back for part in back.parts)
    return send.own_id in own_ids
