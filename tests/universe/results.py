"""What was played, as lines; ranges accumulate in RESULTS.md, with the commit."""

import subprocess
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
_FAULTS = {
    "killed": "processes killed",
    "frozen": "freezes",
    "stopping": "orderly stops",
    "session over": "sessions over",
    "generation": "assignments",
    "commit refused": "commits of a former assignment refused",
    "cut off": "partitions of the network",
    "storm": "vendor's storms",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A range of seeds. `counts`: everything that happened, by kind."""

    first: int
    seeds: int
    events: int
    failed: tuple[int, ...]
    seconds: float
    counts: Counter[str]
    hashes: tuple[str, ...]

    @property
    def hash(self) -> str:
        return sha256("".join(self.hashes).encode()).hexdigest()[:16]

    def told(self) -> str:
        last, what = self.first + self.seeds - 1, self.counts
        lines = [
            f"seeds {self.first} to {last}, {self.events} moves each: {len(self.failed)} failed",
            f"{self.seconds:.0f} s, {self.seeds / self.seconds:.2f} seeds/s, trace {self.hash}",
            f"{what['says']} clients' messages, {what['call']} calls, {what['command']} commands, "
            f"{what['record']} records, {what['written']} writes, {what['asked']} questions, "
            f"{what['taken']} messages sent",
        ]
        faults = {name: what[key] for key, name in _FAULTS.items() if what[key]}
        faults |= {
            key.removeprefix("fault: "): count
            for key, count in sorted(what.items())
            if key.startswith("fault: ")
        }
        return "\n".join([*lines, *(f"  {name}: {count}" for name, count in faults.items())])

    def record(self) -> None:
        """Add a line to the table in RESULTS.md."""
        command = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        last = self.first + self.seeds - 1
        kinds = [key for key in self.counts if key.startswith("fault: ") or key in ("killed", "frozen")]
        faults = sum(self.counts[key] for key in kinds)
        line = (
            f"| {commit} | {self.first}–{last} | {self.seeds * self.events:,} | {self.counts['taken']:,} "
            f"| {faults:,} | {len(self.failed)} | {self.seeds / self.seconds:.2f} | {self.hash} |"
        )
        text, mark = RESULTS.read_text(), "\n<!-- ranges end -->"
        RESULTS.write_text(text.replace(mark, f"\n{line}{mark}", 1))
