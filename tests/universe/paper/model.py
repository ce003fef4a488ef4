"""The model: workers, partitions, a store with epochs, a vendor without fencing; every interleaving of steps.

Time is left out, with one exception: absence is proven only when no attempt can be under way any more
(`rules.sending.ATTEMPT_LIVES`), as far as processes run. One that is frozen between its last check and the
socket may still send: that is the counterexample named in the README. Of epochs, only what they tell is kept:
who owns a partition now, and whether that has been so since something was begun. A write whose answer is lost
is retried and known by its id, so it is one step. Fetching and writing a record is one step too, because a
record that was only fetched is fetched again.

Partitions share nothing but the fate of processes and the remaining rebalances: `Model.own` are a partition's
own steps, `Model.fates` those that all of them take at once. `explore` puts partitions together.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

# States of a message in the store.
NONE, RECEIVED, INTENDED, UNKNOWN, SENT = range(5)
# What runs for a message in a worker: nothing; a send that waits for its proof; one that is proven; one that
# the vendor was asked for; its result.
NOTHING, BEGUN, PROVEN, ASKED, ACCEPTED, IN_DOUBT = range(6)
RUNS, FROZEN, DEAD = range(3)

BUGS: Final = {
    "writes of a former owner count": "every write is under the epoch",
    "no proof before the socket": "whoever intended a message must own it when it sends",
    "proof of another time": "a partition that left and came back had another owner",
    "effect before commit": "a message is sent when its intention is durable",
    "released before durable": "an offset is committed when its record is written",
    "unknown is tried again": "a send of unknown outcome is looked up",
    "impatient": "absence is proven when no attempt can be under way",
    "recovered is planned": "what a predecessor intended has an unknown outcome",
    "no dedupe": "a record that comes again is known",
    "out of order": "the second message waits for the first",
    "unknown is left": "what is open is taken up by the new owner",
}


class Bounds(NamedTuple):
    """What a model contains.

    `keys` is the partition of each message; those of one partition are one number's, in their order.
    """

    keys: tuple[int, ...] = (0, 0, 1)
    workers: int = 2
    crashes: int = 2
    freezes: int = 1
    rebalances: int = 1


class Worker(NamedTuple):
    """A process. `runs`: by message."""

    status: int
    runs: tuple[int, ...]


class State(NamedTuple):
    """A state of the whole model."""

    #: By partition.
    owner: tuple[int, ...]
    #: By partition.
    committed: tuple[int, ...]
    #: By message: how it is stored.
    store: tuple[int, ...]
    workers: tuple[Worker, ...]
    #: By message: requests that have not arrived.
    flying: tuple[int, ...]
    #: By message: how often the vendor has it.
    taken: tuple[int, ...]
    crashes: int
    freezes: int
    rebalances: int
    twice: bool = False


def put(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    return (*values[:place], value, *values[place + 1 :])


class Model:
    """The steps from a state, and the promise that is `broken` in it.

    `bug` is one of `BUGS`; `with_gap` also freezes between a proof and the socket.
    """

    def __init__(self, bounds: Bounds, bug: str = "", *, with_gap: bool = True) -> None:
        self.bounds, self.bug, self.with_gap = bounds, bug, with_gap
        self.of = [
            [m for m, p in enumerate(bounds.keys) if p == partition]
            for partition in range(max(bounds.keys) + 1)
        ]

    def first(self, owner: int = 0) -> State:
        """Return the first state. `owner`: the first partition's; the next worker owns the next partition."""
        count, bounds = len(self.bounds.keys), self.bounds
        none = (0,) * count
        owners = tuple((owner + partition) % bounds.workers for partition in range(len(self.of)))
        workers = (Worker(RUNS, none),) * bounds.workers
        return State(
            owners,
            (0,) * len(self.of),
            none,
            workers,
            none,
            none,
            bounds.crashes,
            bounds.freezes,
            bounds.rebalances,
        )

    def broken(self, state: State) -> str:
        """Return the promise that does not hold in a state."""
        if state.twice:
            return "an event is taken up twice"
        for partition, messages in enumerate(self.of):
            taken = [state.taken[m] for m in messages]
            if any(each > 1 for each in taken):
                return "a message is sent twice"
            if any(later and not earlier for earlier, later in zip(taken, taken[1:], strict=False)):
                return "messages are out of order"
            if any(state.store[m] == NONE for m in messages[: state.committed[partition]]):
                return "an offset is committed and its record is nowhere"
        for stored, taken_ in zip(state.store, state.taken, strict=True):
            if stored == SENT and not taken_:
                return "a message is told as sent and was not"
            if stored in (NONE, RECEIVED) and taken_:
                return "a message is sent and the store takes it for unsent"
        return ""

    def is_done(self, state: State) -> bool:
        return set(state.store) == {SENT} and state.committed == tuple(map(len, self.of))

    def own(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield each of a partition's own steps, with its name."""
        for w, worker in enumerate(state.workers):
            if worker.status == RUNS:
                yield from self._of_worker(state, w)
        yield from self._moves(state)
        for m, flying in enumerate(state.flying):
            if flying:
                left = state._replace(flying=put(state.flying, m, flying - 1))
                yield f"m{m} is taken", left._replace(taken=put(left.taken, m, left.taken[m] + 1))
                yield f"m{m} is lost", left

    def _of_worker(self, state: State, w: int) -> Iterator[tuple[str, State]]:
        for partition, messages in enumerate(self.of):
            is_ours = state.owner[partition] == w
            if is_ours:
                yield from self._reads(state, w, partition, messages)
            for place, m in enumerate(messages):
                writes = is_ours or self.bug == "writes of a former owner count"
                if writes and state.workers[w].runs[m] == NOTHING:
                    is_next = (
                        not place or state.store[messages[place - 1]] == SENT or self.bug == "out of order"
                    )
                    yield from self._decides(state, w, m, is_next=is_next)
                yield from self._goes_on(state, w, m, is_ours=is_ours)

    def _reads(
        self, state: State, w: int, partition: int, messages: list[int]
    ) -> Iterator[tuple[str, State]]:
        done = state.committed[partition]
        unread = [m for m in messages if state.store[m] == NONE]
        if unread:
            yield f"w{w} takes m{unread[0]} up", state._replace(store=put(state.store, unread[0], RECEIVED))
        is_durable = done < len(messages) and state.store[messages[done]] != NONE
        if is_durable or (done < len(messages) and self.bug == "released before durable"):
            yield f"w{w} commits", state._replace(committed=put(state.committed, partition, done + 1))

    def _decides(self, state: State, w: int, m: int, *, is_next: bool) -> Iterator[tuple[str, State]]:
        stored = state.store[m]
        if stored == RECEIVED and is_next:
            intended = state._replace(store=put(state.store, m, INTENDED))
            yield f"w{w} intends m{m}", self._has(intended, w, m, BEGUN)
            if self.bug == "effect before commit":
                yield f"w{w} begins m{m}", self._has(state, w, m, BEGUN)
        elif stored == INTENDED:
            after = RECEIVED if self.bug == "recovered is planned" else UNKNOWN
            yield f"w{w} finds m{m} intended", state._replace(store=put(state.store, m, after))
        elif stored == UNKNOWN and self.bug != "unknown is left":
            if state.taken[m]:
                yield f"w{w} finds m{m} in the list", state._replace(store=put(state.store, m, SENT))
            elif not self._may_come(state, m) or self.bug == "impatient":
                yield f"w{w} proves m{m} absent", state._replace(store=put(state.store, m, RECEIVED))

    def _may_come(self, state: State, m: int) -> bool:
        """Return whether an attempt may still take effect, as far as processes run."""
        running = (worker.runs[m] for worker in state.workers if worker.status == RUNS)
        return bool(state.flying[m]) or any(each in (PROVEN, ASKED) for each in running)

    def _goes_on(self, state: State, w: int, m: int, *, is_ours: bool) -> Iterator[tuple[str, State]]:
        """Yield the steps of a send and its result, whoever owns the partition by now."""
        runs = state.workers[w].runs[m]
        if runs == BEGUN:
            if is_ours or self.bug == "no proof before the socket":
                yield f"w{w} proves m{m} its own", self._has(state, w, m, PROVEN)
            else:
                yield f"w{w} may not send m{m}", self._has(state, w, m, IN_DOUBT)
        elif runs == PROVEN:
            asked = state._replace(flying=put(state.flying, m, state.flying[m] + 1))
            yield f"w{w} sends m{m}", self._has(asked, w, m, ASKED)
        elif runs == ASKED:
            if state.taken[m]:
                yield f"w{w} is told that m{m} is taken", self._has(state, w, m, ACCEPTED)
            yield f"w{w} is told nothing of m{m}", self._has(state, w, m, IN_DOUBT)
        elif runs in (ACCEPTED, IN_DOUBT):
            told = self._told(state, m, runs) if is_ours else state
            yield f"w{w} tells what m{m} came to", self._has(told, w, m, NOTHING)

    def _told(self, state: State, m: int, result: int) -> State:
        if result == ACCEPTED and state.store[m] in (INTENDED, UNKNOWN):
            return state._replace(store=put(state.store, m, SENT))
        if result == IN_DOUBT and state.store[m] == INTENDED:
            after = RECEIVED if self.bug == "unknown is tried again" else UNKNOWN
            return state._replace(store=put(state.store, m, after))
        return state

    def fates(self, state: State) -> Iterator[tuple[str, State | None]]:
        """Yield what happens to processes: the same for all states in which as much of it is left.

        None: such a freeze is not explored.
        """
        for w, worker in enumerate(state.workers):
            yield from self._fates(state, w, worker)

    def _fates(self, state: State, w: int, worker: Worker) -> Iterator[tuple[str, State | None]]:
        if worker.status != DEAD and state.crashes:
            dead = Worker(DEAD, (NOTHING,) * len(self.bounds.keys))
            yield f"w{w} dies", self._with(state._replace(crashes=state.crashes - 1), w, dead)
        if worker.status == DEAD:
            yield f"w{w} starts again", self._with(state, w, worker._replace(status=RUNS))
        if worker.status == FROZEN:
            yield f"w{w} wakes up", self._with(state, w, worker._replace(status=RUNS))
        if worker.status == RUNS and state.freezes:
            frozen = self._with(state._replace(freezes=state.freezes - 1), w, worker._replace(status=FROZEN))
            yield f"w{w} freezes", frozen if self.with_gap or PROVEN not in worker.runs else None

    def _moves(self, state: State) -> Iterator[tuple[str, State]]:
        """Move partitions of workers that are not heard of to others; move some for no reason."""
        for partition, owner in enumerate(state.owner):
            is_heard_of = state.workers[owner].status == RUNS
            if is_heard_of and not state.rebalances:
                continue
            left = state._replace(rebalances=state.rebalances - is_heard_of)
            for w, worker in enumerate(state.workers):
                if worker.status == RUNS and w != owner:
                    yield f"w{w} claims p{partition}", self._claimed(left, w, partition)

    def _claimed(self, state: State, w: int, partition: int) -> State:
        """Claim a partition. What this worker began when it owned it before is of another epoch."""
        worker, twice = state.workers[w], state.twice
        runs = tuple(
            IN_DOUBT if p == partition and each == BEGUN and self.bug != "proof of another time" else each
            for p, each in zip(self.bounds.keys, worker.runs, strict=True)
        )
        if self.bug == "no dedupe":
            uncommitted = self.of[partition][state.committed[partition] :]
            twice = twice or any(state.store[m] != NONE for m in uncommitted)
        claimed = state._replace(owner=put(state.owner, partition, w), twice=twice)
        return self._with(claimed, w, worker._replace(runs=runs))

    def _has(self, state: State, w: int, m: int, runs: int) -> State:
        worker = state.workers[w]
        return self._with(state, w, worker._replace(runs=put(worker.runs, m, runs)))

    def _with(self, state: State, w: int, worker: Worker) -> State:
        return state._replace(workers=(*state.workers[:w], worker, *state.workers[w + 1 :]))
