"""Past decisions, step by step: the state that each input met, and what came of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from rules import events as e
from rules import inputs as i
from rules.evolve import evolve
from rules.project import project
from rules.state import Conversation
from schemas.rows import SendChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One decision. `before`: the state that it met; `sends`: those its events speak of, as they were."""

    before: Conversation
    events: tuple[e.Recorded, ...]
    sends: dict[str, i.KnownSend]

    @property
    def numbers(self) -> set[int]:
        return {recorded.number for recorded in self.events}


@dataclass(slots=True)
class History:
    """One conversation, from its first event on. `steps(events)` yields its decisions in order."""

    state: Conversation
    _sends: dict[str, dict[str, Any]] = field(default_factory=dict)

    def steps(self, events: Iterable[e.Recorded]) -> Iterator[Step]:
        """Yield the decisions; what happened at one moment was one decision."""
        group: list[e.Recorded] = []
        for recorded in events:
            if group and recorded.at != group[0].at:
                yield self._step(group)
                group = []
            group.append(recorded)
        if group:
            yield self._step(group)

    def _step(self, group: list[e.Recorded]) -> Step:
        before, sends = self.state, self._known(group)
        for recorded in group:
            after = evolve(self.state, recorded)
            for change in project(self.state, recorded, after):
                if isinstance(change, SendChange):
                    self._sends.setdefault(change.own_id, {}).update(change.columns)
            self.state = after
        return Step(before=before, events=tuple(group), sends=sends)

    def _known(self, group: Iterable[e.Recorded]) -> dict[str, i.KnownSend]:
        wanted = {getattr(recorded.event, "own_id", None) for recorded in group}
        return {own_id: _known_send(own_id, row) for own_id, row in self._sends.items() if own_id in wanted}


def _known_send(own_id: str, row: dict[str, Any]) -> i.KnownSend:
    names = {each.name for each in fields(i.KnownSend)} & row.keys()
    given = {"own_id": own_id, "to": row.get("to_address", ""), "rank": -1, "sid": None, "message_id": None}
    return i.KnownSend(**(given | {name: row[name] for name in names}))
