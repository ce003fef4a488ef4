"""When the simulated agent greets: as asked, or regardless, in each order that was observed. Pure.

`asked` greets at the start, unless overridden. The others greet whatever was asked: `before` the question,
`within` its answer (right after the question), `ended` (the same, as a turn of its own with its end),
`behind` the answer.
"""

from collections.abc import Iterable, Iterator

from local.vendors.elevenlabs.turns import Send, Step, TurnPlan, steps

FIRST_EVENT = 1
ORDERS = frozenset({"asked", "before", "within", "ended", "behind"})
_END = "agent_response_complete"


def begins_with_greeting(order: str, *, is_overridden: bool) -> bool:
    return order == "before" or (order == "asked" and not is_overridden)


def greeting_within(order: str, text: str, events: frozenset[str]) -> Iterator[Send]:
    """Yield what is sent between the question and its answer."""
    if order not in ("within", "ended"):
        return
    for step in steps(TurnPlan(reply=text, event_id=FIRST_EVENT, events=events)):
        if isinstance(step, Send) and (order == "ended" or step.event["type"] != _END):
            yield step


def with_greeting_behind(order: str, text: str, answer: Iterable[Step]) -> Iterator[Step]:
    """Yield the steps of an answer, with the greeting after its first message."""
    greeting = [
        TurnPlan(reply=text, event_id=FIRST_EVENT, shape="whole", events=frozenset({"agent_response"}))
    ]
    for step in answer:
        yield step
        if (
            order == "behind"
            and greeting
            and isinstance(step, Send)
            and step.event["type"] == "agent_response"
        ):
            yield from steps(greeting.pop())
