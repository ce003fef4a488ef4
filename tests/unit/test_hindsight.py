"""Old decisions are decided once more: the same rules always come to the same, other rules do not."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import inputs as i
from rules.decide import decide
from rules.events import Event, Recorded
from rules.policy import Policy
from rules.state import Conversation
from streams.replay.decisions import Told, ids_of, told
from streams.replay.hindsight import given_of
from streams.replay.history import History
from tests.support import history
from tests.support.chat import NUMBER, Chat, policy_of

_HISTORIES = 30
_MOVES = 40


@dataclass
class Ticking(Chat):
    """No two inputs come at the same moment. `log`: all events, of a number that is never erased."""

    log: list[Recorded] = field(default_factory=list)

    def give(self, given: i.Input) -> list[Event]:
        self.now += timedelta(milliseconds=1)
        return super().give(given)

    def _record(self, recorded: Recorded) -> None:
        super()._record(recorded)
        self.log.append(recorded)


def compared(log: list[Recorded], policy: Policy) -> tuple[Counter[str], list[tuple[list[Told], list[Told]]]]:
    """Decide each step once more; returns inputs by kind, and what differs."""
    kinds, differing = Counter[str](), list[tuple[list[Told], list[Told]]]()
    for step in History(Conversation(key=NUMBER)).steps(log):
        if (input_ := given_of(step, policy)) is None:
            kinds["untold"] += 1
            continue
        kinds[type(input_).__name__] += 1
        now = decide(step.before, input_, step.events[0].at, policy, ids_of(step)).events
        was, then = [told(each) for each in step.events], [told(each) for each in now]
        if was != then:
            differing.append((was, then))
    return kinds, differing


@settings(max_examples=_HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.integers(0, len(history.POLICIES) - 1),
    moves=st.lists(history.MOVES.filter(lambda move: move[0] != "erase"), min_size=_MOVES, max_size=_MOVES),
)
def test_the_same_rules_decide_alike(place: int, moves: list[tuple[str, int, int]]) -> None:
    policy = history.POLICIES[place]
    chat = Ticking(policy)
    life = history.History(policy, is_known=True, chat=chat)
    for name, a, b in moves:
        getattr(life, name)(a, b)
        life.check()
    kinds, differing = compared(chat.log, policy)
    assert differing == []
    assert kinds["untold"] <= kinds.total() / 2


def talked() -> Ticking:
    chat = Ticking(policy_of(twilio_unknown_send="hold"))
    chat.call()
    chat.greet()
    chat.exchange("¿precio?", "uno\n\ndos")
    chat.write("basta")
    chat.answer("tres")
    chat.give(i.SendUnknown(own_id=chat.sends()[0].part.own_id, why="reset"))
    assert chat.state.turn is not None
    chat.give(i.LookupDone(own_id=chat.state.turn.parts[0].own_id, absent=True))
    chat.passes(hours=80)
    return chat


def test_other_rules_show_where_they_decide_otherwise() -> None:
    chat = talked()
    assert compared(chat.log, chat.policy)[1] == []
    for other, kind in (
        (policy_of(opt_out_words="basta"), "opted_out"),
        (replace(chat.policy, split=lambda text: [text]), "answered"),
    ):
        _, differing = compared(chat.log, other)
        assert any(kind in str(now) or kind in str(was) for was, now in differing)
