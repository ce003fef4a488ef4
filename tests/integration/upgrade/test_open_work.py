"""What the former build left open ends once, by the rules: each recorded conversation is played out."""

from dataclasses import dataclass
from typing import Any

import pytest

from db.pool import Pool
from rules import inputs as i
from rules.codec import state_of
from rules.keywords import Intent
from rules.policy import Policy
from rules.state import Conversation
from schemas.texts import shipped
from tests.integration.upgrade.conftest import Former
from tests.recorded.build_0020.people import Person, sid
from tests.support.chat import Chat, policy_of
from tests.support.finishing import Finisher, later_ids
from tests.support.tables import Tables

_TEXTS = shipped("es").settings

_TEMPLATE = {
    "twilio_reopen_content_sid": "HX" + "0" * 32,
    "twilio_reopen_content_variables": '{"1": "{text}"}',
}
_GREETING = "¡Hola Ana! Soy Valeria. Gracias por tu tiempo en la llamada."
_PRICE = "El plan Premium cuesta $99 al mes."
_TOGETHER = "respuesta a ¿Cuánto cuesta?, ¿Sigues ahí?, Contesta"
_QUOTING = "respuesta a [En respuesta a «¿Cuánto cuesta?»]\nGracias por llamar"

SAID: dict[Person, list[str]] = {
    Person.PACED: [_GREETING],
    Person.SPARED: [_GREETING],
    Person.ASKING: ["respuesta a ¿Sigues ahí?"],
    Person.INTENDED: [_PRICE],
    Person.SENT_UNSEEN: [_PRICE],
    Person.HELD: [_TOGETHER, "Soy Ana, ya le atiendo.", _GREETING, _QUOTING],
    Person.HELD_STOP: [_TEXTS["opt_out_text"]],
    Person.START_ASKED: [_TEXTS["opt_in_text"], "respuesta a ¿Sigue la oferta?"],
    Person.HANDOFF_BEGUN: [_TEXTS["handoff_text"]],
    Person.PLANNED: ["dos", "tres"],
    Person.UNKNOWN_SEND: ["uno", "dos"],
    Person.REPORTED_SEND: ["dos"],
    Person.WRITING: ["Le escribo yo, Ana."],
    Person.WRITTEN: ["Le escribo yo, Ana."],
    Person.CALL_BEGUN: [_GREETING],
    Person.CALL_HELD: [_GREETING],
    Person.CALL_ANSWERED: ["¡Hola Ana! Soy Valeria."],
    Person.OUTSIDE: ["uno\ndos"],
    Person.OUTSIDE_BEGUN: ["uno\ndos"],
    Person.SLOW: ["dos"],
    Person.SLOW_BEGUN: ["dos", "respuesta a ¿Hola?"],
    Person.SLOW_REST: ["uno", "dos", "tres"],
    Person.SAID_AGAIN: ["dos"],
    Person.EARLY_REPORT: ["uno"],
    Person.REPLAY_WAITS: ["respuesta a ¿Y bien?, hola"],
    Person.REVIVAL_WAITS: ["respuesta a ¿Y bien?"],
    Person.REPEATING: ["respuesta a hola"],
}
"""What each client is sent once this build goes on; nothing to all others."""

POSTED = {
    Person.ESCALATED: 1,
    Person.RESUMED: 2,
    Person.STOPPED: 1,
    Person.STARTED_AGAIN: 2,
    Person.BLOCKED: 1,
    Person.HANDOFF_BEGUN: 1,
    Person.START_ASKED: 2,
    Person.HELD_STOP: 1,
}
"""How many events the backend is told that it was not told before."""

WITHOUT_ACTOR = {
    *(Person.ERASED, Person.ERASED_UNTOLD, Person.SKIPPED, Person.UNANSWERED),
    *(Person.BACKENDS, Person.SPOOLED),
}


@dataclass
class Loaded:
    """What a new owner finds."""

    state: Conversation
    tables: Tables
    policy: Policy

    def finisher(self, now: Any, **known: str) -> Finisher:  # noqa: ANN401 - a time
        chat = Chat(policy=self.policy, fresh=later_ids(), now=now, state=self.state, tables=self.tables)
        return Finisher(chat, known)


@pytest.fixture
async def people(upgraded: Pool) -> dict[str, Loaded]:
    actors = await upgraded.fetch("SELECT phone_number, state::text AS state FROM conversation_actor")
    seen = await upgraded.fetch("SELECT kind, event_id, phone_number FROM conversation_seen")
    posts = await upgraded.fetch("SELECT phone_number, number, payload FROM conversation_backend_posts")
    known = {(row["kind"], row["event_id"]): row["phone_number"] for row in seen}
    return {
        row["phone_number"]: Loaded(
            state=state_of(row["state"]),
            tables=Tables(
                seen=dict(known),
                posts={
                    each["number"]: each["payload"]
                    for each in posts
                    if each["phone_number"] == row["phone_number"]
                },
            ),
            policy=policy_of(**_TEMPLATE),
        )
        for row in actors
    }


async def test_who_has_nothing_open_and_no_row_of_ours_has_no_actor(people: dict[str, Loaded]) -> None:
    assert {*Person} - people.keys() == WITHOUT_ACTOR


@pytest.mark.parametrize(
    "person", [each for each in Person if each not in WITHOUT_ACTOR], ids=lambda each: each.name
)
async def test_everything_open_ends_once(people: dict[str, Loaded], former: Former, person: Person) -> None:
    sids = {
        str(part.own_id): "SM" + "e" * 32
        for part in (people[person].state.turn.parts if people[person].state.turn else ())
        if person in (Person.SENT_UNSEEN, Person.EARLY_REPORT)
    }
    finisher = people[person].finisher(former.at, **sids)
    finisher.finish()
    said = [text if not text.startswith(_GREETING) else _GREETING for text in finisher.said]
    assert said == SAID.get(person, [])
    assert len(finisher.answered) == len(set(finisher.answered))
    assert len(finisher.posted) == POSTED.get(person, 0)
    state = finisher.chat.state
    assert state.is_idle
    assert (state.posts, state.lookups) == ((), None)


async def test_what_was_sent_unseen_is_not_sent_again(people: dict[str, Loaded], former: Former) -> None:
    before = people[Person.SENT_UNSEEN]
    assert before.state.turn is not None
    [part] = before.state.turn.parts
    assert part.state == "unknown"
    finisher = before.finisher(former.at, **{part.own_id: "SM" + "1" * 32})
    finisher.finish()
    [sent] = finisher.chat.tables.sends.values()
    assert (sent["sid"], sent["state"]) == ("SM" + "1" * 32, "accepted")


async def test_a_report_that_came_too_early_is_taken_up(people: dict[str, Loaded], former: Former) -> None:
    before = people[Person.EARLY_REPORT]
    assert before.state.turn is not None
    own_id = before.state.turn.parts[0].own_id
    finisher = before.finisher(former.at, **{own_id: "SM" + "e" * 32})
    finisher.finish()
    assert finisher.chat.tables.sends[own_id]["status"] == "delivered"


async def test_a_stop_that_was_only_noted_is_confirmed_when_it_comes(
    people: dict[str, Loaded], former: Former
) -> None:
    before = people[Person.STOP_NOTED]
    known = before.state.opt_out
    assert known is not None
    finisher = before.finisher(former.at)
    stop = i.MessageReceived(
        event_id=sid(Person.STOP_NOTED, 1),
        address=f"whatsapp:{Person.STOP_NOTED}",
        text="STOP",
        received_at=known.since,
        intent=Intent(kind="stop"),
    )
    finisher.chat.give(stop)
    finisher.finish()
    assert finisher.said == [_TEXTS["opt_out_text"]]


async def test_the_agent_is_told_what_a_person_said_when_it_is_asked_again(
    people: dict[str, Loaded], former: Former
) -> None:
    said = {row["content"]: row for row in former.tables["conversation_messages"]}
    since = people[Person.RESUMED].state.said_meanwhile_since
    assert since is not None
    assert since.replace(tzinfo=None) < said["Soy Ana, ¿en qué le ayudo?"]["sent_at"]
    assert people[Person.FINISHED].state.said_meanwhile_since is None
