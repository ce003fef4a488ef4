"""What a batch of the log adds to one number, and the writes that add it. Pure."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from rules.log_events import Folded, log_row
from rules.state import Conversation
from schemas.events import ConversationEvent
from schemas.rows import Change, Erasure, LogRow, Outcome, SeenRow, SuppressionChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One write, after which the actor has this state. `version`: the actor's before it."""

    state: Conversation
    conversation_id: int | None
    version: int
    log: tuple[LogRow, ...]
    changes: tuple[Change, ...]


@dataclass(slots=True)
class NumberLog:
    """One number's events of a batch. `version`: of its actor; 0 if there is none."""

    state: Conversation
    version: int
    partition: int
    steps: list[Step] = field(default_factory=list)
    _log: list[LogRow] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)

    def knows(self, event: ConversationEvent) -> bool:
        """Return whether the state has an event, or began after the event's conversation was erased."""
        identity = self.state.id
        if identity is None or event.conversation_id > identity:
            return False
        return event.conversation_id < identity or event.number <= self.state.number

    def is_next(self, event: ConversationEvent) -> bool:
        """Return whether no event is missing between the state and this one."""
        same = self.state.id is None or event.conversation_id == self.state.id
        return event.number == (self.state.number + 1 if same and self.state.id is not None else 1)

    def begin_anew(self, event: ConversationEvent) -> None:
        """Erase the previous conversation if the event is of a later one, though no event tells of it."""
        if self.state.id is None or self.state.id == event.conversation_id:
            return
        at = event.at - timedelta(microseconds=1)
        self._log.clear()
        gone, key = self.state.id, self.state.key
        self._changes.append(Erasure(conversation_id=gone, phone_number=key, at=at))
        self._erased(replace(self.state, erased=True), self.state.id)

    def add(self, event: ConversationEvent, folded: Folded, sequence: int) -> None:
        """Add an event and what it came to. An erasure is written by itself: nothing before it stays."""
        self.state, changes = folded
        if self.state.erased:
            self._log.clear()
            self._changes = [each for each in self._changes if not isinstance(each, Outcome)]
        self._changes += changes
        self._log.append(log_row(event, sequence))
        if self.state.erased:
            self._erased(self.state, event.conversation_id)

    def remember(self, folded: Folded) -> None:
        """Add what stays of an erased number's event: its bare id, the opt-out, what the erasure came to."""
        if self.version or self._log:
            return  # the number has come back: it was remembered before that
        after, changes = folded
        self.state = replace(self.state, opt_out=after.opt_out)
        for change in changes:
            if isinstance(change, SeenRow):
                self._changes.append(replace(change, phone_number=""))
            elif isinstance(change, SuppressionChange) or (isinstance(change, Outcome) and after.erased):
                self._changes.append(change)

    def cut(self) -> None:
        """End what was remembered, before the number comes back."""
        if self._changes and not self._log:
            self._erased(replace(self.state, erased=True), None)

    def end(self) -> list[Step]:
        """Return all steps in order."""
        self.cut()
        if self._log:
            self._step(self.state, self.state.id)
        return self.steps

    def _erased(self, state: Conversation, conversation_id: int | None) -> None:
        self._step(state, conversation_id)
        self.version = 0
        self.state = Conversation(key=state.key, opt_out=state.opt_out)

    def _step(self, state: Conversation, conversation_id: int | None) -> None:
        step = Step(
            state=state,
            conversation_id=conversation_id,
            version=self.version,
            log=tuple(self._log),
            changes=tuple(self._changes),
        )
        self.steps.append(step)
        self.version = 0 if state.erased else self.version + 1
        self._log.clear()
        self._changes.clear()
