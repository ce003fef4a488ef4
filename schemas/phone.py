"""One person, one number, however it is spelled.

The canonical form is E.164 as the country dials it today. Three countries are known under two spellings, because
WhatsApp kept or dropped a digit that the numbering plan dropped or added:

- Mexico: WhatsApp's `+521…` is `+52…` (the 1 was abolished in 2019);
- Argentina: mobiles are `+549…`, often written without the 9;
- Brazil: mobiles gained a ninth digit, `+55 DD 9XXXXXXXX`, which old WhatsApp accounts lack.
"""

import hashlib
import re
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers

from schemas.errors import InvalidNumber

_MEXICO_OLD_MOBILE = re.compile(r"^\+521(\d{10})$")
_ARGENTINA_WITHOUT_9 = re.compile(r"^\+54([1-8]\d{9})$")
_BRAZIL_WITHOUT_9 = re.compile(r"^\+55([1-9]{2})([6-9]\d{7})$")
# Business-scoped user id of a sender without a visible number: country, dot, up to 128 letters and digits (Meta's
# documentation of them); `ENT.` stands before those of a group of businesses.
_BSUID = re.compile(r"^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$")
# A conversation's key has 50 characters, the contract's column. Ids have some 20 today; of a longer one the key is the
# country and a digest, told from any id by its tilde.
_LONGEST_KEY = 50
_DIGESTED = re.compile(r"^[A-Z]{2}\.~[0-9a-f]{46}$")
# Longer input cannot be a number; checked before parsing so that 1 MB of digits costs nothing.
_LONGEST_SPELLING = 64
_DIGITS_SHOWN = 4
# A message, its reports and events come within a minute, and each asks again; some 1 MB.
_KEYS_REMEMBERED = 4096


def canonical_number(raw: str) -> str:
    """Give the canonical `+E164` of any spelling: `+57…`, `57…`, `whatsapp:+57…`, `%2B57…`.

    Raises:
        InvalidNumber: it is not a possible phone number in international form.
    """
    return _one_spelling(e164(raw))


def e164(raw: str) -> str:
    """Give `+E164` as spelled by the sender, without making spellings one.

    Raises:
        InvalidNumber: see `canonical_number`.
    """
    if len(raw) > _LONGEST_SPELLING:
        raise InvalidNumber("phone_number", "too long for a phone number")
    text = unquote(raw).strip().removeprefix("whatsapp:").strip()
    digits = text if text.startswith("+") else "+" + text
    old_mexican = _MEXICO_OLD_MOBILE.match(re.sub(r"[\s().-]", "", digits))
    if old_mexican:  # phonenumbers no longer knows this form, WhatsApp still uses it
        return f"+521{old_mexican[1]}"
    return _parsed(digits)


def _parsed(digits: str) -> str:
    try:
        number = phonenumbers.parse(digits, None)
    except phonenumbers.NumberParseException as error:
        raise InvalidNumber("phone_number", "not a phone number; write it as +573138539155") from error
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InvalidNumber("phone_number", "not a possible phone number; write it as +573138539155")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _one_spelling(number: str) -> str:
    number = _MEXICO_OLD_MOBILE.sub(r"+52\1", number)
    number = _ARGENTINA_WITHOUT_9.sub(r"+549\1", number)
    return _BRAZIL_WITHOUT_9.sub(r"+55\g<1>9\2", number)


@lru_cache(_KEYS_REMEMBERED)
def conversation_key(address: str) -> str:
    """Give the key of the conversation that a WhatsApp address belongs to.

    `whatsapp:+573138539155` → `+573138539155`; a business-scoped id `whatsapp:US.1234` (a sender without a visible
    number, facts of Twilio's webhooks) stays `US.1234`; one of more than 50 characters becomes `US.~` and a digest.

    Raises:
        InvalidNumber: neither a number nor such an id.
    """
    bare = address.removeprefix("whatsapp:")
    if _DIGESTED.match(bare):
        return bare
    if not _BSUID.match(bare):
        return canonical_number(address)
    return bare if len(bare) <= _LONGEST_KEY else _digested(bare)


def _digested(user_id: str) -> str:
    country = user_id.partition(".")[0]
    return f"{country}.~{hashlib.sha256(user_id.encode()).hexdigest()}"[:_LONGEST_KEY]


def number_digest(key: str) -> str:
    """Give what is remembered of an erased number: the SHA-256 of its key, hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def whatsapp_address(number: str) -> str:
    """Give Twilio's address of a number: `whatsapp:+573138539155`."""
    return number if number.startswith("whatsapp:") else f"whatsapp:{number}"


def masked(number: str) -> str:
    """Give a number fit for logs: `+57******9155`."""
    if len(number) <= _DIGITS_SHOWN + 3:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 3 - _DIGITS_SHOWN) + number[-_DIGITS_SHOWN:]
