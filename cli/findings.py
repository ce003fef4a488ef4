"""What `doctor` finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice`: what to do, empty when all is well."""

    what: str
    found: str
    advice: str = ""
