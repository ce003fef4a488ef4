"""The steps of a turn: received → answered → each message intended → sent → done; each recorded before the next.

Every step carries the epoch of its partition and raises `Fenced` when another process owns the partition now.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from db.pool import Pool
from db.queries import load
from schemas.documents import now
from schemas.errors import OptedOut
from schemas.events import CallCompleted, ConversationCommand
from schemas.tracing import current_trace
from schemas.window import OPEN_SECONDS
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn

Json = dict[str, Any]
_sql = load("journal")

# The attempts before a hold take about 25 s; a vendor that wants longer is asked ever more rarely, so that a number held
# for hours costs nothing, and one held for minutes is late by minutes at most.
_FIRST_HOLD_SECONDS = 15.0
_LONGEST_HOLD_SECONDS = 300.0
# An outage in which outcomes stay unknown ends for all numbers at once, and looking costs one request.
_LONGEST_UNKNOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Begun:
    """What beginning a turn came to.

    `begun`: the turn is ours to do; `open`: an earlier turn of the number must be finished first; `call`: an earlier
    call must begin first; `held`: stored behind a turn that waits for its time; `done`: nothing is left to do;
    `unknown`: the number has no conversation; `silent`: taken up, and not to be answered; `suppressed`: the number asked
    for no more messages; `skipped`: no conversation begins after such a call; of replayed events also `superseded`:
    something later was answered; `forgotten`: to be begun like a new one; `command`: an earlier command must be done
    first; `refused`: a command that cannot be done, its outcome says why.
    """

    state: Literal[
        "begun",
        "open",
        "call",
        "held",
        "done",
        "unknown",
        "silent",
        "suppressed",
        "skipped",
        "superseded",
        "forgotten",
        "command",
        "refused",
    ]
    turn: Turn | None = None
    call: CallCompleted | None = None
    command: ConversationCommand | None = None


class SentBehind(Exception):
    """A turn is over although not all of it is sent: the rest goes out behind what came back."""


class Journal:
    """Records steps and reads what they recorded."""

    def __init__(self, pool: Pool, steps: Steps, ownership: Ownership) -> None:
        self._pool = pool
        self._steps = steps
        self._ownership = ownership

    async def begin_call(
        self,
        partition: int,
        call: CallCompleted,
        request_id: str | None,
        *,
        received_at: datetime | None = None,
        starts: bool = True,
        pace_seconds: float | None = None,
    ) -> Begun:
        """Begin a call's turn, unless its ElevenLabs conversation has had one.

        `received_at`: when it was produced, None: now; `starts`: False where no conversation begins after such a call;
        `pace_seconds`: between two first messages of the call's campaign.
        """
        argument = {"request_id": request_id, "starts": starts, "pace_seconds": pace_seconds, "trace": current_trace()}
        return await self._begin("wm_begin_call", partition, _call_columns(call, received_at) | argument)

    async def begin_again(self, partition: int, number: str) -> Begun:
        """Begin the turn that sends once more, as a template, what fell outside the 24-hour window."""
        return await self._begin("wm_begin_again", partition, {"phone_number": number})

    async def revive(self, partition: int, number: str, kind: str, event_id: str, replay: str | None) -> Begun:
        """Go on with an event's failed turn; with a replay, do the event once more."""
        argument = {"phone_number": number, "kind": kind, "event_id": event_id, "replay": replay}
        return await self._begin("wm_reopen" if replay is None else "wm_repeat", partition, argument)

    async def replayed_waiting(self, number: str) -> list[tuple[str, str, str | None]]:
        """Give kind, id and replay of the events that came again while the number waited for its time, in their order."""
        rows = await self._pool.fetch(_sql.replayed_waiting, number)
        return [(row["kind"], row["event_id"], row["replay"]) for row in rows]

    async def begin_command(
        self, partition: int, command: ConversationCommand, request_id: str | None, *, has_template: bool, sure: bool
    ) -> Begun:
        """Do an operator's command, or begin the turn that writes, unless its id has been seen.

        `has_template`: it may be written outside the 24-hour window; `sure`: calls that came before are handed over.
        """
        argument = {
            "phone_number": command.key, "event_id": command.command_id, "command": command.command, "by": command.by,
            "reason": command.reason, "agent_id": command.agent_id, "payload": command.model_dump(mode="json"),
            "received_at": command.at, "request_id": request_id, "has_template": has_template, "sure": sure,
            "window_seconds": OPEN_SECONDS, "trace": current_trace(),
        }  # fmt: skip
        return await self._begin("wm_begin_command", partition, argument)

    async def begin_reply(self, partition: int, number: str, inputs: list[Json], request_id: str | None) -> Begun:
        """Begin the turn that answers `inputs` and whatever was parked for the number."""
        argument = {"phone_number": number, "inputs": inputs, "request_id": request_id}
        return await self._begin("wm_begin_reply", partition, argument)

    async def park(self, partition: int, number: str, inputs: list[Json]) -> bool:
        """Keep messages until their call arrives; False when the number has a conversation after all."""
        result = await self._step("wm_park", partition, {"phone_number": number, "inputs": inputs})
        return bool(result["state"] == "parked")

    async def adopt(self, partition: int, number: str, agent_id: str, client_name: str, address: str) -> None:
        """Give an unknown number a conversation without a call."""
        argument = {"phone_number": number, "agent_id": agent_id, "client_name": client_name, "address": address}
        await self._step("wm_adopt", partition, argument)

    async def answer(self, turn: Turn, reply: Json, sends: list[Send], **columns: Any) -> Turn:  # noqa: ANN401
        """Store the agent's reply, plan its messages, intend the first. Gives the turn as recorded, perhaps earlier."""
        argument = {"turn_id": turn.id, "phone_number": turn.phone_number, "reply": reply, "brief": True, **columns}
        argument["parts"] = [send.plan() for send in sends]
        result = await self._step("wm_answer", turn.partition, argument)
        if earlier := result.get("turn"):
            return Turn.from_row(earlier)
        summary: str | None = columns.get("summary")
        return turn.answered(result["answered_at"], sends, summary, may_send=result["may_send"])

    async def intend(self, turn: Turn, send: Send) -> str | None:
        """Check ownership and consent right before a send; gives the sid when a report proved it sent meanwhile.

        Raises:
            OptedOut: the number asked for no more messages; nothing may be sent.
            SentBehind: an earlier message came back; this one and the rest go out behind it, in a turn that will begin.
        """
        argument = {"own_id": send.own_id, "phone_number": turn.phone_number, "content": send.content}
        result = await self._step("wm_intend", turn.partition, argument)
        if result["state"] == "suppressed":
            raise OptedOut(result["since"])
        if result["state"] == "behind":
            raise SentBehind
        sid: str | None = result.get("sid")
        return sid

    async def accept(self, turn: Turn, send: Send, sid: str, status: str | None, body: str | None = None) -> None:
        """Record that Twilio accepted a message; the last one ends the turn. `body`: a template's text, filled in."""
        argument = {"own_id": send.own_id, "phone_number": turn.phone_number, "sid": sid, "status": status, "body": body}
        await self._step("wm_accept", turn.partition, argument)

    async def fail(
        self, turn: Turn, *, code: str | None, reason: str, error: Json, suppress: bool, send_state: str = "refused"
    ) -> None:
        """End a turn that was refused for good. `error`: status, error, details as the backend gets them; `suppress`: the
        person wants no messages of ours, now and later."""
        what = "first" if turn.kind == "call" else "reply"
        argument = {"turn_id": turn.id, "phone_number": turn.phone_number, "what": what, "code": code}
        argument |= {"reason": reason, "error": error, "send_state": send_state, "suppress": suppress}
        await self._step("wm_fail", turn.partition, argument)

    async def hold(self, turn: Turn, asked_seconds: float, *, unknown: bool = False) -> None:
        """Put a turn off, so that its partition goes on; whatever the number sends meanwhile waits behind it.

        Args:
            turn: ours, not ended.
            asked_seconds: how long the vendor asked us to wait; 0: it did not.
            unknown: a send's outcome is; it stays intended, to be looked for again.
        """
        argument = {"turn_id": turn.id, "phone_number": turn.phone_number, "asked_seconds": asked_seconds}
        longest = _LONGEST_UNKNOWN_SECONDS if unknown else _LONGEST_HOLD_SECONDS
        argument |= {"unknown": unknown, "first_seconds": _FIRST_HOLD_SECONDS, "longest_seconds": longest}
        await self._step("wm_hold", turn.partition, argument)

    async def spare(self, turn: Turn, seconds: float) -> None:
        """Put a first message off until the client's quiet hours are over."""
        argument = {"turn_id": turn.id, "phone_number": turn.phone_number, "spared_seconds": seconds}
        await self._step("wm_hold", turn.partition, argument)

    async def stop_arrived(self, number: str, event_id: str, received_at: datetime) -> None:
        """Record at once that a number wants no more messages, whatever its mailbox is doing."""
        argument = {"phone_number": number, "event_id": event_id, "received_at": received_at}
        await self._steps.run("wm_stop_arrived", argument)

    async def report(self, report: Json) -> bool:
        """Record a delivery report; False when its message is not ours."""
        return bool((await self._steps.run("wm_report", report))["state"] != "unknown")

    async def history(self, turn: Turn, most: int) -> list[tuple[int, str, str]]:
        """Give the newest messages before this turn, oldest first: (id, direction, content).

        The direction of what a person of the team wrote is `operator`.
        """
        rows = await self._pool.fetch(_sql.history, turn.conversation_id, turn.id, most)
        return [(row["id"], row["direction"], row["content"]) for row in rows]

    async def known_sids(self, to_address: str, since: datetime) -> set[str]:
        """Give the sids of messages to an address that are accounted for."""
        rows = await self._pool.fetch(_sql.known_sids, to_address, since.replace(tzinfo=None))
        return {row["sid"] for row in rows}

    async def sent_sid(self, send: Send) -> str | None:
        """Give the sid that a delivery report has brought, if one has."""
        sid: str | None = await self._pool.fetchval(_sql.sent_sid, send.own_id)
        return sid

    async def _begin(self, step: str, partition: int, argument: Json) -> Begun:
        result = await self._step(step, partition, argument)
        turn, call, command = result.get("turn"), result.get("call"), result.get("command")
        return Begun(
            result["state"],
            Turn.from_row(turn) if turn else None,
            CallCompleted.from_object(call) if call else None,
            ConversationCommand.from_object(command) if command else None,
        )

    async def own(self, partition: int) -> None:
        """Make sure that a partition is ours, right before something that cannot be taken back; mostly known already.

        Raises:
            Fenced: it has a newer owner.
        """
        while not self._ownership.is_proved(partition):
            await self._step("wm_own", partition, {})

    async def _step(self, step: str, partition: int, argument: Json) -> Json:
        token = {"partition": partition, "epoch": self._ownership.epoch(partition)}
        at = time.monotonic()  # before, because the process may be paused while it waits
        result = await self._steps.run(step, argument | token)
        self._ownership.proved(partition, at)
        return result


def _call_columns(call: CallCompleted, received_at: datetime | None) -> Json:
    metadata = call.call_metadata
    return {
        "phone_number": call.key,
        "address": f"whatsapp:{call.recipient.phone_number}",
        "event_id": call.event_id,
        "received_at": received_at or now(),
        "payload": call.model_dump(mode="json"),
        "client_name": call.client_name,
        "agent_id": call.agent_id,
        "batch_id": call.batch_id,
        "recipient_id": call.recipient.id,
        "started": {
            "client_name": call.client_name,
            "agent_id": call.agent_id,
            "agent_name": call.agent_name,
            "batch_id": call.batch_id,
            "batch_name": call.batch_name,
            "group_id": metadata.group_id,
            "group_name": call.group_name,
            "elevenlabs_conversation_id": call.event_id,
            "status": call.recipient.status,
        },
    }
