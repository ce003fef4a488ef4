"""What the figures were measured on."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from local.postgres.cluster import binaries

_PACKAGES = ("uvloop", "aiohttp", "aiokafka", "asyncpg", "faust-streaming", "pydantic")


def describe(jars: Path) -> str:
    """Return machine and versions as one line."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    parts = [
        f"{os.cpu_count()} cores ({cpu[1].strip() if cpu else platform.machine()})",
        f"{int(memory[1]) // 1024**2 if memory else '?'} GB",
        f"Linux {platform.release().split('-')[0]}",
        f"CPython {platform.python_version()}",
        f"Apache Kafka {_kafka(jars)} (one KRaft node, {_java()})",
        _postgres(),
        *(f"{name} {version(name)}" for name in _PACKAGES),
    ]
    return ", ".join(parts)


def _kafka(jars: Path) -> str:
    return next((jar.stem.rpartition("-")[2] for jar in jars.glob("kafka_*.jar")), "(embedded broker)")


def _java() -> str:
    found = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr.split(
        '"'
    )
    return f"Java {found[1]}" if len(found) > 1 else "no Java"


def _postgres() -> str:
    return subprocess.run(
        [binaries() / "postgres", "-V"], capture_output=True, text=True, check=True
    ).stdout.strip()
