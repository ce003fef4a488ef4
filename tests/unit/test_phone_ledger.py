"""The phone's ledger shows each thing that must be seen, whatever the agent's manner."""

from typing import Any

from local.phone.ledger import Ledger, judge
from local.phone.messages import kind_of

NUMBER = "+573138539155"
ADDRESS = f"whatsapp:{NUMBER}"
US = "whatsapp:+14155238886"


def wrote(sid: str, body: str) -> dict[str, Any]:
    return {"sid": sid, "from": ADDRESS, "to": US, "body": body, "direction": "inbound"}


def told(*bodies: str) -> list[dict[str, Any]]:
    all_told = ["¡Hola Ana!", *bodies]
    return [
        {"sid": f"o{n}", "from": US, "to": ADDRESS, "body": b, "direction": "outbound-api"}
        for n, b in enumerate(all_told)
    ]


def asked(text: str, reply: str) -> dict[str, Any]:
    return {"who": NUMBER, "text": text, "reply": reply}


ONE, TWO, THREE = wrote("1", "uno"), wrote("2", "dos"), wrote("3", "tres")


def test_all_answered() -> None:
    found = judge(NUMBER, [ONE, TWO, *told("A", "B")], [asked("uno", "A"), asked("dos", "B")])
    assert found == Ledger(sent=2, answered=2)


def test_a_burst_shares_an_answer_in_any_order_within_it() -> None:
    found = judge(NUMBER, [ONE, TWO, *told("A")], [asked("dos\nuno", "A")])
    assert (found.answered, found.waiting) == (2, 0)


def test_what_is_not_answered_yet_waits_and_what_was_passed_over_is_lost() -> None:
    found = judge(NUMBER, [ONE, TWO, THREE, *told("A")], [asked("dos", "A")])
    assert (found.answered, found.lost, found.waiting) == (1, 1, 1)


def test_the_same_answer_twice_is_doubled() -> None:
    assert judge(NUMBER, [ONE, *told("A", "A")], [asked("uno", "A")]).doubled == 1


def test_the_first_message_twice_is_doubled() -> None:
    assert judge(NUMBER, told("¡Hola Ana!"), []).doubled == 1


def test_what_a_person_says_is_no_double() -> None:
    assert judge(NUMBER, [ONE, *told("A", "Soy Ana")], [asked("uno", "A")]).doubled == 0


def test_an_agent_asked_again_after_a_crash_is_no_double() -> None:
    found = judge(NUMBER, [ONE, *told("A")], [asked("uno", "A"), asked("uno", "A")])
    assert found == Ledger(sent=1, answered=1)


def test_an_answer_out_of_its_order_is_counted() -> None:
    questions = [asked("dos", "B"), asked("uno", "A")]
    assert judge(NUMBER, [ONE, TWO, *told("B", "A")], questions).out_of_order == 1


def test_a_long_answer_in_parts_is_one() -> None:
    reply = "a" * 300 + " " + "b" * 300
    found = judge(NUMBER, [ONE, *told("a" * 300, "b" * 300)], [asked("uno", reply)])
    assert (found.answered, found.doubled) == (1, 0)


def test_what_is_not_text_is_found_by_its_description() -> None:
    found = judge(NUMBER, [wrote("1", ""), *told("A")], [asked("[El cliente envió una imagen]", "A")])
    assert found.answered == 1


def test_the_same_words_twice_share_an_answer() -> None:
    twice = [wrote("1", "¿Cuánto cuesta?"), wrote("2", "¿Cuánto cuesta?")]
    found = judge(
        NUMBER,
        [*twice, wrote("3", "uno"), *told("A", "B")],
        [asked("¿Cuánto cuesta?", "A"), asked("uno", "B")],
    )
    assert (found.answered, found.lost, found.waiting) == (3, 0, 0)
    lost = judge(NUMBER, [*twice, wrote("3", "uno"), *told("B")], [asked("uno", "B")])
    assert (lost.answered, lost.lost) == (1, 2)


def test_stop_and_what_follows_is_for_no_agent_until_it_is_taken_back() -> None:
    silent = [wrote("s", "Stop "), wrote("1", "uno"), wrote("t", "alta")]
    assert judge(NUMBER, [*silent, *told()], []) == Ledger()
    assert judge(NUMBER, [*silent, TWO, *told()], []) == Ledger(sent=1, waiting=1)


def test_two_calls_may_begin_with_the_same_words() -> None:
    assert judge(NUMBER, told("¡Hola Ana!"), [], calls=2).doubled == 0
    assert judge(NUMBER, told("¡Hola Ana!", "¡Hola Ana!"), [], calls=2).doubled == 1


def test_what_a_message_is_shows_in_the_chat() -> None:
    rows = [("hola", []), ("", ["image/png"]), ("", ["audio/ogg"]), ("", ["application/pdf"]), ("", [])]
    kinds = [kind_of({"body": body, "media": media}) for body, media in rows]
    assert kinds == ["text", "image", "audio", "file", "location"]
