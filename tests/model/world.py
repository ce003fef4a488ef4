"""Many numbers and two processes: a tick is one move of each number, whose outcome is written in groups."""

import asyncio
import random
from typing import Final

from db.pool import Pool
from mailboxes.ports import Outcome
from rules import inputs as i
from rules.draft import Fresh
from rules.policy import Policy
from rules.state import Conversation
from streams.actors.values import Actor, Told
from tests.model.number import Number, ToldChat
from tests.model.owners import Process
from tests.support.history import WEIGHTS

NUMBERS = 100
"""At once, so that two processes' groups are as large as a worker's."""
_PARTITIONS = 25
_MOST_INPUTS = 3
# A history has about one poison and some ten changes of owner.
_CHANCES: Final = {**WEIGHTS, "poison": 1}
_CHANGE_OF_OWNER = 0.005
_LOST_ANSWER = 0.1
_LONGEST_REST = 3_000


class World:
    """A world of its own in a shared database. `place`: its index among the worlds there."""

    def __init__(self, pool: Pool, policy: Policy, fresh: Fresh, chance: random.Random, place: int) -> None:
        self._chance = chance
        self._processes = [Process(name, pool, policy, fresh) for name in ("a", "b")]
        self._owners: dict[int, Process] = {}
        self._first_partition = place * _PARTITIONS
        self.numbers = [
            Number(
                self._chat(policy, fresh, f"+57{300 + place}{number:07}"),
                self._first_partition + number % _PARTITIONS,
            )
            for number in range(NUMBERS)
        ]

    @staticmethod
    def _chat(policy: Policy, fresh: Fresh, key: str) -> ToldChat:
        return ToldChat(policy=policy, fresh=fresh, state=Conversation(key=key))

    async def play(self, moves: int) -> None:
        """Play this many moves of each number, then let everything come to rest."""
        for partition in range(self._first_partition, self._first_partition + _PARTITIONS):
            await self._own(partition)
        for number in self.numbers:
            if self._chance.random() < 2 / 3:
                number.call(0, 0)
        for _ in range(moves):
            await self._settle()
            for number in self.numbers:
                self._move(number)
        await self._settle()
        await self._rest()

    def _move(self, number: Number) -> None:
        [name] = self._chance.choices(list(_CHANCES), list(_CHANCES.values()))
        getattr(number, name)(self._chance.randint(0, 9), self._chance.randint(0, 9))

    async def _own(self, partition: int) -> None:
        self._owners[partition] = self._chance.choice(self._processes)
        await self._owners[partition].claim(partition)

    async def _settle(self) -> None:
        """Write until nobody has inputs. Meanwhile owners change, before and after a write."""
        changed = dict[str, Number]()
        while busy := self._busy():
            changed |= {number.key: number for number in busy}
            await self._change_owners()
            await self._write_all()
            await self._change_owners()
        for number in changed.values():
            number.check()

    def _busy(self) -> list[Number]:
        return [number for number in self.numbers if number.chat.told or number.actor is None]

    async def _write_all(self) -> None:
        await asyncio.gather(*(self._write(process) for process in self._processes))

    async def _write(self, process: Process) -> None:
        process.way.loses = int(self._chance.random() < _LOST_ANSWER)
        theirs = [number for number in self._busy() if self._owners[number.partition] is process]
        await process.write(theirs, self._chance.randint(1, _MOST_INPUTS))

    async def _change_owners(self) -> None:
        for partition in [each for each in self._owners if self._chance.random() < _CHANGE_OF_OWNER]:
            await self._change_owner(partition)

    async def _change_owner(self, partition: int) -> None:
        """Have the owner die, or pause and go on without knowing that there is another one by now."""
        former = self._owners[partition]
        theirs = [number for number in self.numbers if number.partition == partition]
        paused = [(number, number.actor) for number in theirs if number.actor is not None]
        await self._own(partition)
        for number in theirs:
            number.moved(self._chance)
        if self._owners[partition] is not former:
            await self._goes_on(former, paused)

    async def _goes_on(self, former: Process, paused: list[tuple[Number, Actor]]) -> None:
        """Check that nothing a former owner still decides is written."""
        writes = []
        for number, actor in paused:
            step = former.behaviour.handle(actor, Told(given=i.LogPurged()), number.chat.now.timestamp())
            if step.write is not None:
                writes.append(former.key_write(number.key, number.partition, (step.write,)))
        outcomes = await former.store.append(writes) if writes else []
        assert all(outcome is Outcome.FENCED for outcome in outcomes), "written by a former owner"

    async def _rest(self) -> None:
        """Let all be well again: everything is done successfully and time passes, until nothing is left."""
        active = self.numbers
        for _ in range(_LONGEST_REST):
            active = [number for number in active if number.go_on()]
            if not active:
                return
            while self._busy():
                await self._write_all()
        raise AssertionError("it does not come to rest")
