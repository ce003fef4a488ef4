"""What events change in the contract's tables."""

import dataclasses
from datetime import UTC

from rules import inputs as i
from tests.support.chat import Chat, talking


def test_the_contracts_rows_of_a_conversation() -> None:
    chat = talking()
    chat.write("¿precio?", "SM1", request_id="req-2")
    chat.answer("Cuesta 20", reply={"text": "Cuesta 20", "transport": "rest"})
    chat.accept()
    row = chat.tables.row
    assert (row["phone_number"], row["client_name"], row["status"]) == (
        "+573138539155",
        "Ana García",
        "active",
    )
    assert (row["message_count"], row["last_message_at"].tzinfo) == (3, UTC)
    assert row["metadata"]["call"]["call_metadata"]["client_name"] == "Ana García"
    first, question, answer = chat.tables.messages.values()
    assert [each["direction"] for each in (first, question, answer)] == ["outbound", "inbound", "outbound"]
    assert (question["twilio_message_id"], question["metadata"]) == ("SM1", {"request_id": "req-2"})
    assert answer["elevenlabs_response"] == {"text": "Cuesta 20", "transport": "rest"}
    assert answer["metadata"]["own_id"] == chat.sent_ids()[-1]
    assert answer["metadata"]["request_id"] == "req-2"


def test_a_message_says_whether_it_was_delivered_before_we_knew_that_it_was_sent() -> None:
    chat = talking()
    chat.write("¿precio?")
    chat.answer()
    chat.report(chat.sends()[0].part.own_id, "read", sid="MM9")
    newest = list(chat.tables.messages.values())[-1]
    assert (newest["delivered_at"], newest["read_at"]) == (chat.now, chat.now)


def test_a_report_on_the_way_changes_no_message() -> None:
    chat = talking()
    assert chat.report(chat.sent_ids()[0], "sent") != []
    first = next(iter(chat.tables.messages.values()))
    assert (first["delivered_at"], first["read_at"]) == (None, None)


def test_a_send_has_all_that_saying_it_again_needs() -> None:
    chat = talking()
    chat.exchange(text="uno\n\ndos")
    known = chat.known_send(chat.sent_ids()[-1])
    assert known is not None
    part = known.as_part()
    assert (part.body, part.origin_turn, part.origin_part, part.said_at) == ("dos", 2, 1, chat.now)


def test_rows_change_only_where_something_changed() -> None:
    chat = talking()
    before = dict(chat.tables.row)
    chat.write("¿precio?")
    changed = {name for name, value in chat.tables.row.items() if value != before.get(name)}
    assert changed == {"message_count", "last_inbound_at"}
    before = dict(chat.tables.row)
    chat.give(i.Recovered())
    chat.answer()
    assert chat.tables.row == before


def test_nothing_but_the_fold_decides_what_a_state_is() -> None:
    chat = talking()
    chat.exchange()
    assert dataclasses.replace(chat.state) == chat.state
    again = Chat(chat.policy)
    for recorded in chat.events:
        again._record(recorded)
    assert (again.state, again.tables) == (chat.state, chat.tables)
