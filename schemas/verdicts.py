"""What a messenger's refusal means, in our own words, whichever vendor says it.

retryable   it was not done and may be retried, with backoff
slow        the same, for this one number only: WhatsApp takes about one message per 6 s to one person
hold        our account, sender or credentials are refused: everything waits for a person, burn nothing
unknown     it may have been done: look before retrying
template    outside the 24-hour window: only a template can be sent
suppress    the person does not want our messages: never write again unasked
terminal    refused for good (also every unknown code)
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["retryable", "slow", "hold", "unknown", "template", "suppress", "terminal"]

KINDS: Final = ("retryable", "slow", "hold", "unknown", "template", "suppress", "terminal")

PASSING: Final = ("retryable", "slow")
"""It was not done, and may be retried later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do about an error.

    `es`, `en`: the reason, for people, without the vendor's own words.
    `do_es`, `do_en`: what somebody must do about it, where only a person can.
    `of_template`: the template is wrong, or missing, so that whoever is written to next meets it, too.
    """

    kind: Kind
    es: str
    en: str
    do_es: str = ""
    do_en: str = ""
    of_template: bool = False

    def reason(self, language: str) -> str:
        return self.es if language == "es" else self.en

    def remedy(self, language: str) -> str:
        return self.do_es if language == "es" else self.do_en
