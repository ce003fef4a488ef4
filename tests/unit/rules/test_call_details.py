"""Summary and duration that ElevenLabs did not know at first."""

from rules import effects as f
from rules import inputs as i
from rules.call_details import WAITS_SECONDS
from tests.support.chat import Chat, talking, types


def details(
    summary: str | None = "Le interesa", seconds: int | None = 74, call: str = "conv_1"
) -> i.CallDetails:
    return i.CallDetails(call_id=call, summary=summary, duration_secs=seconds, kept={"transcript": []})


def unknown() -> Chat:
    """A conversation of whose call nothing is known yet."""
    chat = Chat()
    chat.call()
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    chat.accept()
    return chat


def fetched(chat: Chat, found: i.CallDetails | None) -> list[str]:
    [effect] = [each for each in chat.wanted() if isinstance(each, f.FetchDetails)]
    assert effect.seconds is None, "nothing waits for it"
    return types(chat.give(i.DetailsFetched(call_id="conv_1", details=found)))


def test_elevenlabs_is_asked_with_patience_and_then_no_more() -> None:
    chat, ids = unknown(), set()
    for seconds in WAITS_SECONDS:
        ids.add(chat.wanted()[0].id)
        assert fetched(chat, None) == ["deferred"]
        chat.passes(seconds=seconds)
    ids.add(chat.wanted()[0].id)
    assert fetched(chat, None) == ["lookups_ended"]
    assert (chat.wanted(), len(ids)) == ([], len(WAITS_SECONDS) + 1)


def test_what_is_known_in_part_is_kept_and_the_rest_is_asked_for() -> None:
    chat = unknown()
    assert fetched(chat, details(summary=None)) == ["details", "deferred"]
    assert chat.tables.row["call_duration_secs"] == 74
    chat.passes(seconds=2)
    assert fetched(chat, details(summary=None)) == ["deferred"], "nothing new"
    chat.passes(seconds=4)
    assert fetched(chat, details(seconds=99)) == ["details"]
    assert (chat.tables.row["call_summary"], chat.tables.row["call_duration_secs"]) == ("Le interesa", 74)
    assert chat.state.lookups is None


def test_a_pushed_summary_is_filled_in_once_and_never_taken_back() -> None:
    chat = unknown()
    assert types(chat.give(i.DetailsTold(details=details()))) == ["details"]
    assert chat.state.lookups is None
    assert chat.give(i.DetailsTold(details=details(summary="otra"))) == []
    assert chat.give(i.DetailsTold(details=details(call="another"))) == []
    assert chat.tables.row["call_summary"] == "Le interesa"


def test_what_is_told_before_the_first_message_is_in_it() -> None:
    chat = Chat()
    chat.call()
    chat.give(i.DetailsTold(details=details()))
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    assert chat.state.lookups is None


def test_what_the_agents_question_learned_is_kept() -> None:
    chat = unknown()
    chat.write("¿precio?")
    assert types(chat.answer(details=details())) == ["details", "answered"]
    assert chat.tables.row["metadata"]["details"] == {"transcript": []}


def test_a_new_call_is_asked_about_alone() -> None:
    chat = unknown()
    chat.call("conv_2")
    assert [effect.call_id for effect in chat.wanted() if isinstance(effect, f.FetchDetails)] == ["conv_2"]
    assert chat.give(i.DetailsFetched(call_id="conv_1", details=details())) == []


def test_nothing_is_looked_up_where_all_is_known() -> None:
    assert talking().state.lookups is None
