"""What goes in and out of a mailbox, and what its user supplies: keys' behaviour (pure), a store, a host."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar

RunState = Enum("RunState", "IDLE RUNNING DRAINING DRAINED")  # only RUNNING takes records
Outcome = Enum("Outcome", "WRITTEN CONFLICT FENCED")  # CONFLICT: decided on another state than the stored one
Verdict = Enum("Verdict", "RETRY SKIP STOP")  # SKIP: done with. STOP: give the partition up


class Refused(Exception):
    """FENCED, CONFLICT again and again although the state was reloaded each time, or STOP, for its cause."""


class Effect(Protocol):
    """Long work for a key; equal ids mean the same work. `cancellable`: it may be cut off at any await."""

    @property
    def id(self) -> str: ...
    @property
    def cancellable(self) -> bool: ...


S = TypeVar("S")  # a key's state, an immutable value
M = TypeVar("M")  # what a key is told
E = TypeVar("E", bound=Effect)
W = TypeVar("W")  # what a step writes
S_co = TypeVar("S_co", covariant=True)
E_contra = TypeVar("E_contra", bound=Effect, contravariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Generic[M]):
    source: str
    partition: int
    offset: int
    key: str
    message: M
    token: object  # released when the record and all before it are finished
    generation: int  # the mailbox's when the record was fetched
    urgent: bool = False  # not held back by the bound on work


@dataclass(frozen=True, slots=True)
class Step(Generic[S, E, W]):
    """Result of a message. `patient`: it may wait. `eager`: effects that need not wait for its write."""

    state: S
    write: W | None = None
    eager: tuple[E, ...] = ()
    patient: bool = False


class KeyWrite(NamedTuple, Generic[W]):
    """All that a key writes at once, oldest first. `id`: the same on every try."""

    key: str
    partition: int
    epoch: int
    id: str
    writes: tuple[W, ...]


class Limits(NamedTuple):
    work: int = 2000  # open work, unfinished records and loads together
    partition: int = 500  # unreleased records, since all behind a stuck one are remembered
    source: int = 1000  # unfinished records, so that another source gets through
    keys: int = 20_000  # in memory
    size: int = 64 << 20  # in memory, as `Behaviour.size` counts
    group: int = 50  # keys that share a load or a write
    groups: int = 2  # at once; while one is written the next gathers
    patience: float = 0.025  # seconds that a patient write waits for company


class Behaviour(Protocol[S, M, E, W]):
    """Pure and quick. What `handle` raises concerns its message alone. `now`: the clock's seconds."""

    def handle(self, state: S, message: M, now: float) -> Step[S, E, W]: ...
    def wanted(self, state: S, now: float) -> Iterable[E]: ...  # to run while this state is durable
    def committed(self, effect: E) -> bool: ...  # a state says that it is under way: even a drain begins it
    def due(self, state: S) -> float | None: ...  # when to wake the key; the same time fires once
    def woken(self, now: float) -> M: ...
    def recovered(self, running: frozenset[str]) -> M: ...  # told after a load: the effects that run here
    def open_work(self, state: S) -> int: ...
    def size(self, state: S) -> int: ...


class Store(Protocol[S_co, W]):
    """Called for many keys at once; a group that raises is halved until what fails alone is found."""

    async def load(self, keys: Sequence[str]) -> Mapping[str, S_co]: ...  # also for unknown keys
    async def append(self, writes: Sequence[KeyWrite[W]]) -> Sequence[Outcome | Exception]: ...  # one each


class Host(Protocol[M, E_contra]):
    """Runs a mailbox. `rejected` judges what fails alone (None: a load), or says what to tell instead."""

    async def perform(self, key: str, effect: E_contra) -> M | None: ...  # the key is told what it returns
    async def rejected(self, key: str, message: M | None, error: Exception, attempt: int) -> Verdict | M: ...
    def release(self, token: object) -> None: ...  # in the order of offsets, without gaps
    def given_up(self, partition: int, error: BaseException) -> None: ...  # until it is assigned again
    def orphaned(self, key: str, message: M) -> None: ...  # a result that came too late to be made durable
