"""STOP and ALTA, and whoever blocked us."""

from datetime import timedelta

import pytest

from rules import effects as f
from rules import inputs as i
from rules.events import OptedOut
from rules.keywords import Intent
from tests.support.chat import Chat, policy_of, talking, types

TEXTS = {"opt_out_text": "Adiós", "opt_in_text": "Hola otra vez", "handoff_text": "Te paso con alguien"}


def chatting(**settings: object) -> Chat:
    return talking(**(TEXTS | settings))


def test_a_stop_is_confirmed_once_and_nothing_is_sent_any_more() -> None:
    chat = chatting()
    assert types(chat.write("BAJA")) == ["received", "opted_out", "answered"]
    chat.accept()
    assert types(chat.write("¿siguen ahí?")) == ["received"]
    assert types(chat.write("stop")) == ["received"]
    assert (chat.said()[1:], chat.lane()) == (["Adiós"], [])
    assert chat.tables.said("inbound") == ["BAJA", "¿siguen ahí?", "stop"], "all is stored"
    assert chat.tables.suppressed == {"source": "client"}


def test_what_the_vendor_has_confirmed_is_not_confirmed_again() -> None:
    chat = chatting()
    assert types(chat.write("STOP", intent=Intent("stop", replied=True))) == ["received", "opted_out"]
    assert types(chat.write("START", intent=Intent("start", replied=True))) == ["received", "opted_in"]
    assert chat.said()[1:] == []
    assert chat.tables.suppressed is None


def test_help_that_the_vendor_has_answered_is_not_the_agents() -> None:
    chat = chatting()
    assert types(chat.write("HELP", intent=Intent("help", replied=True))) == ["received"]
    assert chat.wanted() == []


def test_a_stop_withdraws_what_was_not_sent_yet() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.answer("uno\n\ndos\n\ntres")
    chat.give(i.SendAccepted(own_id=chat.sends()[0].part.own_id, sid="MM1"))
    assert types(chat.write("STOP")) == ["received", "opted_out", "withdrawn", "answered"]
    chat.accept()
    assert chat.said()[1:] == ["uno", "Adiós"]
    states = [send["state"] for send in chat.tables.sends.values()]
    assert states == ["accepted", "accepted", "withdrawn", "withdrawn", "accepted"]


def test_a_send_that_is_under_way_is_awaited_and_not_repeated() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.answer("uno")
    [send] = chat.sends()
    chat.give(i.SendUnknown(own_id=send.part.own_id, why="reset"))
    chat.write("STOP")
    assert [type(effect) for effect in chat.lane()] == [f.LookUpSend]
    absent = i.LookupDone(own_id=send.part.own_id, absent=True)
    assert types(chat.give(absent)) == ["withdrawn", "answered"]
    chat.accept()
    assert chat.said()[1:] == ["Adiós"]


def test_a_first_message_that_waits_is_withdrawn_and_its_call_is_409() -> None:
    chat = Chat(policy_of(**TEXTS))
    chat.call()
    chat.write("STOP")
    assert chat.tables.outcome("call", "conv_1")["error"]["status"] == 409
    chat.accept()
    assert chat.said() == ["Adiós"]


def test_a_start_undoes_it_and_is_confirmed_and_other_words_are_answered() -> None:
    chat = chatting()
    chat.write("STOP")
    chat.accept()
    chat.passes(minutes=1)
    assert types(chat.write("alta")) == ["received", "opted_in", "answered"]
    chat.write("¿precio?")
    chat.accept()
    chat.answer("20")
    chat.accept()
    assert chat.said()[1:] == ["Adiós", "Hola otra vez", "20"]


def test_commands_that_follow_each_other_are_confirmed_in_their_order() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.answer("uno")
    chat.write("STOP")
    chat.write("ALTA")
    chat.accept()
    assert chat.said()[1:] == ["uno", "Adiós", "Hola otra vez"]
    chat.write("STOP")
    chat.write("ALTA")
    chat.write("STOP")
    chat.accept()
    assert chat.said()[-1] == "Adiós"
    assert chat.state.opt_out is not None


def test_a_start_that_is_older_than_the_stop_undoes_nothing() -> None:
    chat = chatting()
    chat.write("STOP")
    chat.accept()
    assert types(chat.write("ALTA", received_at=chat.now - timedelta(minutes=1))) == ["received"]
    assert chat.state.opt_out is not None


def test_a_start_with_nothing_to_undo_is_an_ordinary_message() -> None:
    chat = chatting()
    chat.write("alta")
    assert [type(effect) for effect in chat.lane()] == [f.AskAgent]


def test_a_stop_delivered_again_after_a_start_undoes_nothing() -> None:
    chat = chatting()
    chat.write("STOP", "SM1")
    chat.write("ALTA", "SM2")
    chat.accept()
    assert chat.write("STOP", "SM1") == []
    assert chat.state.opt_out is None


def test_where_no_text_is_set_nothing_is_confirmed() -> None:
    chat = chatting(opt_out_text="-")
    assert types(chat.write("STOP")) == ["received", "opted_out"]


@pytest.mark.parametrize("code", ["21610", "63014", "63033"])
def test_a_report_that_the_person_blocked_us_counts_like_a_stop(code: str) -> None:
    chat = chatting()
    chat.exchange()
    [failed, out] = chat.fails(chat.sent_ids()[-1], "suppress", code)
    assert types([failed, out]) == ["failed", "opted_out"]
    assert isinstance(out, OptedOut)
    assert (out.by, out.code) == ("twilio", code)
    assert types(chat.call("conv_2")) == ["declined"]
    assert chat.said()[-1] == "Cuesta 20", "nobody confirms it"


def test_a_refusal_because_of_the_person_counts_like_a_stop_and_is_409() -> None:
    chat = Chat(policy_of(**TEXTS))
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    own_id = chat.sends()[0].part.own_id
    refusal = i.SendRefused(own_id=own_id, why="unsubscribed", code="21610", by_person=True)
    assert types(chat.give(refusal)) == ["failed", "opted_out"]
    assert chat.tables.outcome("call", "conv_1")["error"]["status"] == 409


def test_an_opt_out_is_told_to_the_backend_where_that_is_set() -> None:
    for events, told in (("opted_out", 1), ("escalated", 0)):
        chat = chatting(backend_events=events)
        chat.write("STOP")
        assert len(chat.state.posts) == len(chat.tables.posts) == told


def test_what_came_back_is_not_said_again_after_a_stop() -> None:
    chat = chatting()
    chat.exchange()
    chat.fails(chat.sent_ids()[-1], "slow", "63018")
    assert types(chat.write("STOP")) == ["received", "opted_out", "withdrawn", "answered"]
    chat.accept()
    chat.passes(hours=1)
    assert chat.said()[-1] == "Adiós"


def test_an_operators_text_that_waits_is_refused() -> None:
    chat = chatting()
    chat.write("¿precio?")
    chat.command("write", text="Soy Ana", command_id="k1")
    chat.write("STOP")
    chat.accept()
    refused = chat.tables.outcome("command", "k1")
    assert (refused["state"], refused["status"]) == ("refused", 409)


def test_an_operators_text_of_which_a_part_is_under_way_has_one_outcome() -> None:
    chat = chatting()
    chat.exchange()
    chat.command("write", text="uno\n\ndos", command_id="k1")
    chat.take_slot()
    chat.write("STOP")
    chat.accept()
    assert chat.said()[-2:] == ["uno", "Adiós"]
    assert [outcome["state"] for outcome in chat.tables.outcomes["command", "k1"]] == ["done"]
