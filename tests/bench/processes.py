"""What processes cost, from /proc: CPU with all children, memory, and what others used of the machine."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_KILO = 1024


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants since they began, including those that ended."""
    return sum(_ticks(pid)) / _TICK + sum(_cpu_or_nothing(child) for child in children(pid))


def _ticks(pid: int) -> list[int]:
    """Return user and system time, then both for awaited children (proc(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(ticks) for ticks in fields[11:15]]


def _cpu_or_nothing(pid: int) -> float:
    try:
        return cpu_seconds(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def children(pid: int) -> list[int]:
    """Return the running children."""
    try:
        found = [
            task.joinpath("children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for group in found for child in group]


def memory_mb(pid: int) -> float:
    """Return the resident memory of one process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / _KILO


def machine_busy_seconds() -> float:
    """Return the CPU time that all processes on this machine have used."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICK


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds at one moment."""

    by_name: dict[str, float]
    #: Used by everybody on the machine.
    machine: float

    def since(self, earlier: "Usage") -> "Usage":
        spent = {name: seconds - earlier.by_name.get(name, 0.0) for name, seconds in self.by_name.items()}
        return Usage(spent, self.machine - earlier.machine)

    @property
    def others(self) -> float:
        """CPU seconds of processes outside the bench: the more there are, the less a figure is worth."""
        return max(0.0, self.machine - sum(self.by_name.values()))


def usage(pids: dict[str, int]) -> Usage:
    """Read all processes' CPU time. For this process, the parent of them all, count only its own."""
    found = {name: cpu_seconds(pid) for name, pid in pids.items() if pid != os.getpid()}
    own = {name: sum(_ticks(pid)[:2]) / _TICK for name, pid in pids.items() if pid == os.getpid()}
    return Usage(found | own, machine_busy_seconds())
