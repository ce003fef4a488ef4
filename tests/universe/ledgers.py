"""What the vendors' ledgers must show: each message once, in order, by its owner, and to nobody unwilling."""

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rules import events as e
from rules import letters
from tests.universe.people import Said
from tests.universe.vendors import Taken, key_of

if TYPE_CHECKING:
    from tests.universe.judge import Life
    from tests.universe.universe import Universe

# How old the proof of ownership may be when a message leaves: 2 s before it waits for a connection, and 4 s
# including that wait.
_PROOF_SECONDS = 4.0
# Each of three workers may send a second's worth at once, and again when their shares change. When Postgres
# stalls, each number may hold a place in the rate and leave when its intention is written: all at once.
_RATE_SLACK, _RATE_WINDOW = 4.0, 10.0
_ANSWER = re.compile(r"^\[(m\d+(?: m\d+)*)\] r(\d+)/(\d+)$")
# This many failures in a row reveal an outage. By then, a call or two of each number are under way; from then
# on there is one probe a second.
_FAILURES, _PROBES_AT_ONCE, _PROBES_A_SECOND = 5, 5, 1.0
# Between the intention and the socket come a proof and, at times, a wait for Postgres.
_UNDER_WAY_SECONDS = 15.0
# Nobody knows the order of what two processes date this close together: Twilio, in whole seconds, and web;
# or a call and a message.
CLOCKS_DIFFER = 3.0


def judge_ledgers(universe: "Universe", lives: "dict[str, Life]") -> None:
    """Note every promise that did not hold."""
    by_key, by_person = defaultdict[str, list[Taken]](list), defaultdict[tuple[str, ...], list[Taken]](list)
    for taken in universe.twilio.ledger:
        by_key[key_of(taken.to)].append(taken)
        by_person[universe.people.addresses_of(key_of(taken.to))].append(taken)
        _is_by_the_owner(universe, taken)
    for addresses, ledger in by_person.items():
        _nothing_is_doubled(universe, addresses[0], ledger)
        if not universe.people.erased & set(addresses):
            _is_in_order(universe, [lives[key] for key in addresses], ledger)
    _the_rate_is_kept(universe)
    _who_is_away_is_left_alone(universe)
    _the_backend_is_told(universe, lives)
    for key, ledger in by_key.items():
        if key not in universe.people.erased:
            _is_known(universe, lives[key], ledger)
            _nobody_is_bothered(universe, lives[key], ledger)
            _only_the_vendor_refuses(universe, lives[key])
            _every_message_has_an_end(universe, key)


def _is_by_the_owner(universe: "Universe", taken: Taken) -> None:
    """Check that a request left the owner's process, or one whose last proof was as fresh as it must be."""
    partition = universe.partition_of(key_of(taken.to))
    claims = [claim for claim in universe.postgres.claims[partition] if claim.at <= taken.departed]
    mine = [place for place, claim in enumerate(claims) if claim.owner == taken.by]
    if not mine:
        universe.world.violated(f"{taken.own_id}: sent by {taken.by}, who never owned it")
    elif mine[-1] + 1 < len(claims) and taken.departed - claims[mine[-1] + 1].at > _PROOF_SECONDS:
        late = taken.departed - claims[mine[-1] + 1].at
        universe.world.violated(f"{taken.own_id}: sent by a stale owner, {taken.by}, {late:.1f} s late")


def _the_rate_is_kept(universe: "Universe") -> None:
    per_second = universe.services.settings.twilio_messages_per_second
    departed, assigned = universe.twilio.departed, universe.kafka.group.assigned
    for place, at in enumerate(departed):
        since = at - _RATE_WINDOW
        changes = [members + per_second for when, members in assigned if since - 1.0 < when <= at]
        most = int(per_second * (_RATE_WINDOW + _RATE_SLACK) + sum(changes)) + universe.setting.numbers
        if place >= most and departed[place - most] > since:
            universe.world.violated(f"more than {per_second} messages a second, at {at:.1f}")
            return


def _who_is_away_is_left_alone(universe: "Universe") -> None:
    """Check that a process that has noticed a vendor's outage probes it with one call at a time."""
    for process, at in universe.twilio.outages.sent_into[:1]:
        universe.world.violated(f"twilio is away, as {process} has noticed, which sends into it at {at:.0f}")
    unnoticed = _FAILURES + 2 * universe.setting.numbers
    for vendor, outages in (("twilio", universe.twilio.outages), ("elevenlabs", universe.elevenlabs.outages)):
        for (process, _), asks in outages.asks.items():
            later = asks[unnoticed:]
            if later and len(later) > _PROBES_AT_ONCE + (later[-1] - later[0]) * _PROBES_A_SECOND:
                seconds = later[-1] - later[0]
                universe.world.violated(
                    f"{vendor} is away, and {process} asks {len(later)} times in {seconds:.0f} s"
                )


def _the_backend_is_told(universe: "Universe", lives: "dict[str, Life]") -> None:
    """Check that the backend was told of everything that concerns it, in order, at least once."""
    told = list(dict.fromkeys(universe.backend.told))
    for key, life in lives.items():
        if key in universe.people.erased or life.state is None:
            continue
        of = [int(each.partition(":")[2]) for each in told if each.startswith(f"{life.state.id}:")]
        given_up = {each.number for each in life.of(e.Posted) if each.gave_up}
        wanted = [each.number for each in life.events if getattr(each.event, "tells_backend", False)]
        if missing := [number for number in wanted if number not in of and number not in given_up]:
            universe.world.violated(f"{key}: the backend was not told of {missing}")
        if of != sorted(of):
            universe.world.violated(f"{key}: the backend was told out of order: {of}")


def _only_the_vendor_refuses(universe: "Universe", life: "Life") -> None:
    """Check that what the log calls refused was refused, by the vendor or by one of its reports."""
    failed = [each for each in life.of(e.TurnFailed) if each.send_state == "refused"]
    refused = universe.twilio.refused | {taken.own_id for taken in universe.twilio.ledger if taken.came_back}
    for each in failed:
        if each.own_ids and not refused & set(each.own_ids):
            universe.world.violated(f"{life.key}: nobody has refused {each.own_ids}")


def _every_message_has_an_end(universe: "Universe", key: str) -> None:
    for row in universe.postgres.tables.all_sends_of(key):
        if row["state"] not in ("accepted", "withdrawn", "refused", "held", "failed"):
            universe.world.violated(f"{key}: a message is {row['state']} for ever: {row['own_id']}")


def _nothing_is_doubled(universe: "Universe", key: str, ledger: list[Taken]) -> None:
    seen = dict[str, Taken]()
    for taken in ledger:
        if taken.own_id in seen:
            universe.world.violated(f"{key}: doubled: {taken.own_id} {taken.body[:60]!r}")
        seen[taken.own_id] = taken
    answered = dict[tuple[str, str], Taken]()
    for taken in ledger:
        if (found := _ANSWER.match(taken.body)) is None:
            continue
        for mark in found[1].split():
            former = answered.get((mark, found[2]))
            if former is not None and not former.came_back and former.own_id != taken.own_id:
                universe.world.violated(f"{key}: answered twice: {mark} part {found[2]}: {taken.body!r}")
            answered[mark, found[2]] = taken


def _is_known(universe: "Universe", life: "Life", ledger: list[Taken]) -> None:
    """Check that the log tells of everything that the vendor has, and of nothing else."""
    told = {each.sid for each in life.of(e.Sent)}
    held = {
        str(row["own_id"])
        for row in universe.postgres.tables.all_sends_of(life.key)
        if row["state"] == "held"
    }
    for taken in ledger:
        if taken.sid not in told and taken.own_id not in held:
            universe.world.violated(
                f"{life.key}: sent, and nobody knows of it: {taken.own_id} {taken.body[:60]!r}"
            )
    for sid in sorted(told - {taken.sid for taken in ledger}):
        universe.world.violated(f"{life.key}: told as sent, and was not: {sid}")


def _nobody_is_bothered(universe: "Universe", life: "Life", ledger: list[Taken]) -> None:
    """Check that nothing is intended for those who opted out, and only what was under way still leaves."""
    allowed = {
        part.own_id for each in life.of(e.Answered) if each.notice == "opted_out" for part in each.parts
    }
    taken_at = {
        taken.own_id: universe.world.datetime(taken.departed - universe.world.now) for taken in ledger
    }
    since: Any = None
    for recorded in life.events:
        event = recorded.event
        if isinstance(event, e.OptedOut):
            since = recorded.at
        elif isinstance(event, e.OptedIn):
            since = None
        if since is None:
            continue
        for own_id in intended_by(event):
            if own_id not in allowed:
                universe.world.violated(f"{life.key}: intended for who has opted out: {own_id}")
        at = taken_at.get(event.own_id) if isinstance(event, e.Sent) else None
        if (
            at is not None
            and event.own_id not in allowed  # type: ignore[union-attr]
            and (at - since).total_seconds() > _UNDER_WAY_SECONDS
        ):
            universe.world.violated(
                f"{life.key}: sent to who has opted out: {event.own_id}"  # type: ignore[union-attr]
            )


def intended_by(event: e.Event) -> tuple[str, ...]:
    """Return the messages that may leave from an event on."""
    if isinstance(event, e.Intended):
        return (event.own_id,)
    return (
        (event.parts[0].own_id,) if isinstance(event, e.Answered) and event.intended and event.parts else ()
    )


def _is_in_order(universe: "Universe", lives: "list[Life]", ledger: list[Taken]) -> None:
    """Check that parts of an answer are in order, and that what was asked later is answered later.

    It makes no difference from which of their addresses a person writes.
    """
    key = lives[0].key
    answers: list[tuple[list[str], int]] = []
    for taken in ledger:
        found = _ANSWER.match(taken.body)
        if found is None or taken.is_repeat:
            continue
        marks, part = found[1].split(), int(found[2])
        former = [each for each in answers if each[0] == marks]
        if part != len(former) + 1 and not any(_may_lack_parts(life, taken) for life in lives):
            universe.world.violated(f"{key}: out of order: {taken.body!r} after {len(former)} parts")
        answers.append((marks, part))
    keys = {life.key for life in lives}
    said = {each.text.split()[0]: each for each in universe.people.said.values() if each.key in keys}
    if keys & universe.blind:
        return
    # Whoever has written waits for what another address has, but only so long.
    is_late = any(each.reason == "late" for life in lives for each in life.of(e.LinkSettled))
    # What Kafka holds unread when its address is linked is passed on once read: topics share no order.
    passed_on = {each.letter.id for life in lives for each in life.of(e.Forwarded)}

    # Dated by the vendor, in whole seconds; what came by itself is dated by us. In a list no id is shown.
    backfilled = {each.message_sid for life in lives for each in life.of(e.Received) if each.backfilled}

    def is_before(first: str, second: str) -> bool:
        """Return whether both came from addresses that keep order, the second after the first was stored."""
        one, two = said[first], said[second]
        acknowledged = one.acknowledged
        links = all(_links(universe, each, keys) and each.sid not in backfilled for each in (one, two))
        if acknowledged is None or acknowledged >= two.arrived:
            return False
        by_two_clocks = {one.sid, two.sid} & backfilled and two.arrived < acknowledged + CLOCKS_DIFFER
        is_passed_on = letters.passed_on(one.sid) in passed_on
        return one.key == two.key or not (is_late or not links or is_passed_on or by_two_clocks)

    order = [marks for marks, part in answers if part == 1]
    for marks in order:
        for first, second in zip(marks, marks[1:], strict=False):
            if is_before(second, first):
                universe.world.violated(f"{key}: the agent was told {first} before {second}, asked earlier")
    for place, marks in enumerate(order):
        for later in order[place + 1 :]:
            for first in marks:
                for second in later:
                    if is_before(second, first):
                        universe.world.violated(f"{key}: {first} is answered before {second}, asked earlier")


def _links(universe: "Universe", said: Said, keys: set[str]) -> bool:
    """Return whether a message can tell that its addresses are one person's.

    What was given up is found in a list, which shows no id, and what shows another's is refused.
    """
    shown = said.sender.get("ExternalUserId")
    return said.sid not in universe.door.given_up and (shown is None or key_of(shown) in keys)


def _may_lack_parts(life: "Life", taken: Taken) -> bool:
    """Return whether earlier parts may be missing: those refused, withdrawn or held are no disorder."""
    for answered in life.of(e.Answered):
        if taken.own_id in {part.own_id for part in answered.parts}:
            own_ids = {part.own_id for part in answered.parts}
            gone = {own_id for each in life.of(e.Withdrawn) for own_id in each.own_ids}
            gone |= {own_id for each in life.of(e.TurnFailed) for own_id in each.own_ids}
            return bool(own_ids & gone)
    return True
