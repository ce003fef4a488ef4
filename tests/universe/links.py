"""What must hold of people with several addresses: each is one person, and nobody else."""

from typing import TYPE_CHECKING

from rules.events import Answered, Intended, Merged, OptedOut, Received, Started, TookOver
from rules.evolve import evolve
from rules.opt_out import stands
from rules.state import Conversation

if TYPE_CHECKING:
    from tests.universe.judge import Life
    from tests.universe.universe import Universe


def judge_links(universe: "Universe", lives: "dict[str, Life]") -> None:
    """Note every promise that did not hold."""
    for key, life in lives.items():
        if key not in universe.people.erased:
            _is_heeded_elsewhere(universe, life)
            _is_one_persons(universe, life)


def _is_heeded_elsewhere(universe: "Universe", life: "Life") -> None:
    """Check that a STOP that is handed over counts before anything else happens here.

    What is handed over with it comes first. An ALTA may come next, and in the same moment.
    """
    state, told = Conversation(key=life.key), False
    for recorded in life.events:
        event = recorded.event
        is_of_it = isinstance(event, OptedOut) or (isinstance(event, Received) and event.handed_over)
        if told and not is_of_it and state.opt_out is None:
            universe.world.violated(
                f"{life.key}: another address has handed a STOP over, which does not count here"
            )
        told = told and is_of_it
        state = evolve(state, recorded)
        if isinstance(event, TookOver) and stands(event.hand_over.opt_out, state.opted_in_at):
            told = True


def _is_one_persons(universe: "Universe", life: "Life") -> None:
    """Check that only addresses of one person merge, and that from then on only the number says anything."""
    own, has_merged = universe.people.addresses_of(life.key), False
    if state := life.state:
        joined = {each.key for each in state.links if each.state == "joined"} | {
            state.merged_into or life.key
        }
        if (others := joined - {*own}) and universe.people.erased.isdisjoint(others):
            universe.world.violated(f"{life.key}: two people are one: {sorted(others)}")
    for each in life.events:
        has_merged = has_merged or isinstance(each.event, Merged)
        if has_merged and isinstance(each.event, Answered | Started | Intended):
            universe.world.violated(
                f"{life.key}: {type(each.event).__name__} {each.number} though it has merged"
            )
