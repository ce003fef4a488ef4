"""What must hold in the end, seen from outside the product: in topics, tables and the vendors' ledgers."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rules.codec import event_of, state_of
from rules.events import (
    Answered,
    Declined,
    Event,
    OptedOut,
    Queued,
    Received,
    Recorded,
    Reopened,
    Sent,
    Started,
    StatusChanged,
    Unanswered,
)
from rules.evolve import evolve
from rules.project import project
from rules.state import Conversation
from schemas.topics import CONVERSATION_EVENT, DEAD_LETTER
from tests.support.tables import OF_A_CONVERSATION, OF_A_MESSAGE, Tables
from tests.universe.appending import POISON
from tests.universe.builds import without
from tests.universe.ledgers import CLOCKS_DIFFER, intended_by, judge_ledgers
from tests.universe.links import judge_links
from tests.universe.retention import as_kept, shortened_problem
from tests.universe.statistics import judge_statistics

if TYPE_CHECKING:
    from tests.universe.universe import Universe


@dataclass
class Life:
    """A number's log as it stands, and what it results in."""

    key: str
    events: list[Recorded] = field(default_factory=list)
    state: Conversation | None = None
    tables: Tables = field(default_factory=Tables)

    def of(self, kind: type[Any]) -> list[Any]:
        return [each.event for each in self.events if isinstance(each.event, kind)]


def judge(universe: "Universe") -> None:
    """Note every promise that did not hold."""
    lives = {key: _life(universe, key) for key in universe.people.keys}
    buried = _dead_letters(universe)
    _nothing_is_lost(universe, lives, buried)
    _is_published(universe)
    for life in lives.values():
        if life.key not in universe.people.erased:
            _is_projected(universe, life)
    for life in lives.values():
        if life.key not in universe.people.erased:
            _is_heeded(universe, life, [lives[each] for each in universe.people.addresses_of(life.key)])
            _is_introduced(universe, life)
            _ids_grow(universe, life)
    judge_links(universe, lives)
    judge_ledgers(universe, lives)
    judge_statistics(universe)
    _nothing_piles_up(universe)


def _life(universe: "Universe", key: str) -> Life:
    """Fold a number's log, which must have no gaps and result in the actor's state."""
    life, tables, world = Life(key), universe.postgres.tables, universe.world
    actor = tables.actors.get(key)
    rows = (
        tables.history_of(actor["conversation_id"]) if actor and actor["conversation_id"] is not None else []
    )
    state = Conversation(key=key)
    for place, row in enumerate(rows, start=1):
        if row["number"] != place:
            world.violated(f"{key}: a gap in the log before {row['number']}")
            return life
        event: Event = event_of(row["type"], row["data"]["data"])
        recorded = Recorded(
            conversation_id=row["conversation_id"], number=row["number"], at=row["at"], event=event
        )
        after = evolve(state, recorded)
        for change in project(state, recorded, after):
            try:
                life.tables.apply(as_kept(change, tables.old_sends))
            except AssertionError as error:
                world.violated(f"{key}: {error}")
        state = after
        life.events.append(recorded)
    life.state = state
    if actor is not None:
        known = state_of(actor["state"])
        if replace(state, opt_out=known.opt_out) != known:
            world.violated(f"{key}: the fold of the log is another state")
        if not known.is_idle:
            world.violated(f"{key}: something waits for ever")
        if rows and (
            problem := shortened_problem(key, rows, tables.log_of(rows[0]["conversation_id"]), state)
        ):
            world.violated(f"{key}: {problem}")
    return life


def _dead_letters(universe: "Universe") -> set[str]:
    """Return the ids of what was buried. Only poison may be."""
    found = set[str]()
    for place, log in universe.kafka.log.items():
        for record in log if place.topic == DEAD_LETTER else ():
            letter = json.loads(record.value or b"{}")
            value = base64.b64decode(letter["value_base64"] or "").decode()
            body = json.loads(value)
            found.add(body.get("event_id") or body.get("command_id") or body["recipient"]["conversation_id"])
            if POISON not in value:
                universe.world.violated(f"a dead letter without poison: {letter['details']} {value[:200]}")
    return found


def _nothing_is_lost(universe: "Universe", lives: dict[str, Life], buried: set[str]) -> None:
    """Check that whatever our door stored was taken up, and that the log has an end for each question."""
    people, seen, world = universe.people, universe.postgres.tables.seen, universe.world
    ends = {key: {end for each in people.addresses_of(key) for end in _ends(lives[each])} for key in lives}
    for said in people.said.values():
        if ("message", said.sid) not in seen and said.sid not in buried:
            world.violated(f"{said.key}: {said.text} is lost")
        elif said.key not in people.erased and said.sid not in ends[said.key] and said.sid not in buried:
            world.violated(f"{said.key}: {said.text} has no end")
    for kind, ids in (("call", people.calls), ("command", people.commands)):
        for identity in ids:
            row = seen.get((kind, identity))
            if row is None and kind == "command" and people.commands[identity] in people.erased:
                # What was on its way, in the spool or from an id to its number, goes with the person.
                continue
            if row is None:
                world.violated(f"{kind} {identity} is lost")
            elif row["outcome"] is None and row["phone_number"]:
                world.violated(f"{kind} {identity} has no outcome")


def _ends(life: Life) -> set[str]:
    found = set[str]()
    for recorded in life.events:
        event = recorded.event
        found.update(getattr(event, "answers", ()), getattr(event, "message_sids", ()))
        if not getattr(event, "asks", True) or getattr(event, "intent", None):
            found.add(event.message_sid)  # type: ignore[union-attr]
        if (sid := getattr(event, "message_sid", None)) is not None and type(event).__name__ != "Received":
            found.add(sid)
    return found


def _is_published(universe: "Universe") -> None:
    """Check that reading only the next number from `conversation-event` yields the whole log in order."""
    tables, world, read = universe.postgres.tables, universe.world, defaultdict[int, int](int)
    for place in range(universe.kafka.partitions):
        for record in universe.kafka.log[place_of(place)]:
            event = json.loads(record.value or b"{}")
            of, number = event["conversation_id"], event["number"]
            if number == read[of] + 1:
                read[of] = number
            row = tables.log.get((of, number)) or tables.old_log.get((of, number))
            written = None if row is None else (row["type"], without(row["data"]["data"]))
            if written is not None and written != (event["type"], without(event["data"])):
                world.violated(f"{of}:{number} is another event in the topic")
    newest = defaultdict[int, int](int)
    for of, number in (*tables.old_log, *tables.log):
        newest[of] = max(newest[of], number)
    for of, number in newest.items():
        if read[of] != number and (tables.history_of(of)[0]["number"] == 1):
            world.violated(f"a reader of the topic has read {of} up to {read[of]} of {number}")


def place_of(partition: int) -> Any:  # noqa: ANN401
    from tests.universe.kafka import Place

    return Place(CONVERSATION_EVENT, partition)


def _is_projected(universe: "Universe", life: Life) -> None:
    """Check that the tables are what the events project to."""
    tables, world = universe.postgres.tables, universe.world
    ids = {row["id"] for row in tables.conversations.values() if row["phone_number"] == life.key}
    conversations = {of: tables.conversations[of] for of in ids}
    messages = {of: row for of, row in tables.messages.items() if row["conversation_id"] in ids}
    sends = {str(row["own_id"]): row for row in tables.all_sends_of(life.key)}
    for what, expected, found, names in (
        ("conversation", life.tables.conversations, conversations, OF_A_CONVERSATION),
        ("messages", life.tables.messages, messages, OF_A_MESSAGE),
        ("sends", life.tables.sends, sends, None),
    ):
        if expected.keys() != found.keys():
            world.violated(f"{life.key}: {what} differ: {sorted(map(str, expected.keys() ^ found.keys()))}")
            continue
        for key, row in expected.items():
            for name in set(names or row) & row.keys():
                if _plain(row[name]) != _plain(found[key][name]):
                    world.violated(f"{life.key}: {what}.{name}: {row[name]!r}, stored {found[key][name]!r}")
    for of, row in conversations.items():
        count = sum(message["conversation_id"] == of for message in messages.values())
        if row["message_count"] != count:
            world.violated(f"{life.key}: message_count is {row['message_count']} of {count}")
    if (life.tables.suppressed is not None) != (life.key in tables.suppressions):
        world.violated(f"{life.key}: suppression differs")
    posts = {key[1] for key, row in tables.posts.items() if row["phone_number"] == life.key}
    if posts != life.tables.posts.keys():
        world.violated(f"{life.key}: posts differ")


def _is_heeded(universe: "Universe", life: Life, of_person: list[Life]) -> None:
    """Check that a client's last STOP or ALTA counts, at all of their addresses.

    Also check that the agent is silent while a person looks after a conversation.
    """
    world, state = universe.world, Conversation(key=life.key)
    agents, withdrawn, asked, late = set[str](), set[str](), set[str](), set[str]()
    for recorded in life.events:
        event = recorded.event
        if isinstance(event, Answered) and event.kind == "reply" and event.notice is None:
            agents |= {part.own_id for part in event.parts}
        elif isinstance(event, StatusChanged) and event.by == "operator":
            if event.status != "active":
                withdrawn, late = withdrawn | agents, late | asked
        elif isinstance(event, Queued) and event.waiting.kind == "replay":
            asked.add(event.waiting.event_id)
        elif isinstance(event, Reopened) and event.replay and event.identity not in late:
            # An operator has asked for it since.
            withdrawn -= {part.own_id for part in event.turn.parts}
            if state.status == "escalated":
                world.violated(f"{life.key}: a replay goes on while a person answers: {event.identity}")
        for own_id in intended_by(event):
            if own_id in withdrawn:
                world.violated(f"{life.key}: the agent goes on though a person has taken over: {own_id}")
        is_agents = (
            isinstance(event, Answered)
            and event.kind == "reply"
            and event.notice is None
            and event.problem is None
        )
        if is_agents and state.status == "escalated":
            world.violated(f"{life.key}: the agent answers while a person does")
        state = evolve(state, recorded)
    addresses = universe.people.addresses_of(life.key)
    words = [
        each
        for each in universe.people.said.values()
        if each.key in addresses and each.text in ("STOP", "ALTA")
    ]
    own = (
        {life.key, *(each.key for each in life.state.links if each.state == "joined")}
        if life.state
        else set()
    )
    if not words or any(each.key not in own for each in words) or universe.blind & set(addresses):
        return
    if any(out.by != "client" for each in of_person for out in each.of(OptedOut)):
        return
    last = max(words, key=lambda each: each.acknowledged or 0.0)
    former = [each for each in words if each is not last]
    if all(each.acknowledged is not None and each.acknowledged < last.arrived for each in former):
        is_out = any(each in universe.postgres.tables.suppressions for each in addresses)
        if is_out != (last.text == "STOP"):
            world.violated(f"{life.key}: the last word was {last.text}, suppressed: {is_out}")


def _is_introduced(universe: "Universe", life: Life) -> None:
    """Check that whoever was called before they wrote is not an unknown number."""
    called = universe.people.called.get(life.key)
    if called is None or life.key in universe.blind or any(each.kind == "call" for each in life.of(Declined)):
        return
    strangers = set[str]()
    parked = set[str]()
    for each in life.events:
        event = each.event
        if isinstance(event, Received) and event.parked:
            parked.add(event.message_sid)
        elif isinstance(event, Unanswered) and event.reason == "unknown_number":
            strangers |= set(event.message_sids)
        elif isinstance(event, Started):
            strangers |= set() if event.elevenlabs_conversation_id else parked
            parked = set()
    for sid in sorted(strangers):
        said = universe.people.said[sid]
        if said.arrived > called + CLOCKS_DIFFER:
            universe.world.violated(
                f"{life.key}: {said.text} is taken for a stranger's, though the call came before"
            )


def _ids_grow(universe: "Universe", life: Life) -> None:
    """Check that a conversation's message ids grow in the order of its log, whoever owned it."""
    ids = [each.event.message_id for each in life.events if isinstance(each.event, Received | Sent)]
    for first, second in zip(ids, ids[1:], strict=False):
        if second <= first:
            universe.world.violated(f"{life.key}: message {second} comes after {first}")


def _plain(value: object) -> object:
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return str(value) if isinstance(value, UUID) else value


def _nothing_piles_up(universe: "Universe") -> None:
    for each in held(universe):
        universe.world.violated(each)


def held(universe: "Universe") -> list[str]:
    """Return what workers have begun and not ended."""
    found = list[str]()
    for worker in universe.workers.values():
        if (heart := worker.heart) is None:
            continue
        left: Iterable[tuple[str, int]] = (
            ("unfinished", heart.hosting.unfinished),
            ("unpublished", heart.publisher.unpublished),
        )
        found += [f"{worker.process.name}: {count} {name}" for name, count in left if count]
    return found
