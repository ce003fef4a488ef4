"""One person, one number, however it is spelled.

The canonical form is E.164 as the country dials it today. Numbers of three countries have two spellings,
because WhatsApp kept or dropped a digit that the numbering plan dropped or added:

- Mexico: WhatsApp's `+521…` is `+52…` (the 1 was abolished in 2019);
- Argentina: mobiles are `+549…`, often written without the 9;
- Brazil: mobiles gained a ninth digit, `+55 DD 9XXXXXXXX`, which old WhatsApp accounts lack.
"""

import hashlib
import hmac
import itertools
import re
import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers

from schemas.errors import InvalidNumber

_MEXICO_OLD_MOBILE = re.compile(r"^\+521(\d{10})$")
_ARGENTINA_WITHOUT_9 = re.compile(r"^\+54([1-8]\d{9})$")
_BRAZIL_WITHOUT_9 = re.compile(r"^\+55([1-9]{2})([6-9]\d{7})$")
# Business-scoped user id of a sender without a visible number: country, dot, up to 128 letters and digits,
# with `ENT.` before them for a group of businesses (Meta's documentation).
_BSUID = re.compile(r"^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$")
_USER_ID, _PARENT_ID = "ExternalUserId", "ParentExternalUserId"
# A conversation's key has 50 characters, the width of the contract's column. Ids have about 20 today; the key
# of a longer one is the country and a digest, told from any id by its tilde.
_LONGEST_KEY = 50
_DIGESTED = re.compile(r"^[A-Z]{2}\.~[0-9a-f]{46}$")
# Digits and what people group them with. The library skips anything else, such as an extension or half a
# path, and then the message would go to somebody other than was meant.
_WRITTEN = re.compile(r"\(?[+＋]?[\s(]*\d[\d\s().\u2010-\u2015-]*")
# A number that was a floating-point number on its way here.
_FLOAT = re.compile(r"^([+＋]?\d+)\.0+$")
# What Twilio delivers is an address, even if no country has such numbers; the shortest known have 7 digits.
_DELIVERED = re.compile(r"^(?:whatsapp:)?(\+[0-9]{7,20})$")
# Blanks, and the direction marks that come with copied contacts.
_MARKS = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_AROUND = f"{string.whitespace}\u00a0{_MARKS}"
# Longer input cannot be a number; checked before parsing so that 1 MB of digits costs nothing.
_LONGEST_SPELLING = 64
_DIGITS_SHOWN = 4
# Anything in a text that could be a number; of thousands, the first are tried.
_PERHAPS_NUMBER = re.compile(r"\+?\d[\d ().-]{5,40}\d")
_MOST_IN_TEXT = 100
# Lengths of numbers without their country code, from the shortest to the longest anywhere.
_NATIONAL_DIGITS = range(7, 15)
# A number in a sentence: with a plus, as people and URLs write it, or with as many digits as a number has.
_IN_WORDS = re.compile(r"(?:\+|%2[Bb])\d[\d ().-]{5,18}\d|(?<![\w.:-])\d{9,15}(?![\w.:-])")
# A message, its reports and events come within a minute, and each asks again; about 1 MB.
_KEYS_REMEMBERED = 4096


def canonical_number(raw: str) -> str:
    """Return the canonical `+E164` of any spelling: `+57…`, `57…`, `whatsapp:+57…`, `%2B57…`.

    Raises:
        InvalidNumber: it is not a possible phone number in international form.
    """
    return _one_spelling(e164(raw))


def e164(raw: str) -> str:
    """Return `+E164` as spelled by the sender, without unifying spellings.

    Raises:
        InvalidNumber: see `canonical_number`.
    """
    if len(raw) > _LONGEST_SPELLING:
        raise InvalidNumber("phone_number", "too long for a phone number")
    text = unquote(raw).strip(_AROUND).removeprefix("whatsapp:").strip(_AROUND)
    if not _WRITTEN.fullmatch(text):
        raise InvalidNumber(
            "phone_number", "not a phone number; write it as +573138539155, with nothing behind it"
        )
    digits = "+" + re.sub(r"\D", "", text)
    old_mexican = _MEXICO_OLD_MOBILE.match(digits)
    if old_mexican:  # phonenumbers no longer knows this form, WhatsApp still uses it
        return f"+521{old_mexican[1]}"
    return _parsed(digits)


def written_number(raw: str, region: str | None = None) -> str:
    """Return a backend's or spreadsheet's number as `+E164`; it may be national in `region`, or end in `.0`.

    A number without a plus is accepted only where it is certain: read as international, ten national digits
    of one country are another country's.

    Args:
        region: the country of numbers that name none, such as `CO`; None: there is none.

    Raises:
        InvalidNumber: not a possible number, or one that does not say which country it is from.
    """
    text = _FLOAT.sub(r"\1", raw.strip(_AROUND)) if len(raw) <= _LONGEST_SPELLING else raw
    if region and _WRITTEN.fullmatch(text) and (found := _national(text, region)):
        return found
    number = e164(text)
    if _names_its_country(text) or is_assigned(number):
        return number
    raise InvalidNumber(
        "phone_number", "does not say of which country; write it as +573138539155, or set DEFAULT_REGION"
    )


def is_assigned(number: str) -> bool:
    """Return whether numbers like this `+E164` are assigned; the library's tables lag behind reality."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(_one_spelling(number), None))
    except phonenumbers.NumberParseException:
        return False


def _names_its_country(text: str) -> bool:
    return text.startswith("whatsapp:") or re.search(r"[+＋]", unquote(text)) is not None


def _national(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if valid else None


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
    """Return the key of the conversation that a WhatsApp address belongs to.

    `whatsapp:+573138539155` becomes `+573138539155`. A business-scoped id `whatsapp:US.1234` (a sender
    without a visible number, as in Twilio's webhooks) stays `US.1234`; one of more than 50 characters becomes
    `US.~` and a digest. A number that Twilio delivers is never judged: `whatsapp:+999123456789` is one,
    whatever the numbering plans say.

    Raises:
        InvalidNumber: neither a number nor such an id.
    """
    bare = address.removeprefix("whatsapp:")
    if _DIGESTED.match(bare):
        return bare
    if not _BSUID.match(bare):
        return _delivered_number(address)
    return bare if len(bare) <= _LONGEST_KEY else _digested(bare)


@dataclass(frozen=True, slots=True)
class LinkedKeys:
    """What a message's parameters name besides its sender."""

    #: The key of the sender's id.
    user_id: str | None = None
    #: The key of the id that they keep with a new number.
    parent: str | None = None
    #: Names of parameters that are not such an id: of another form, or another number.
    odd: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Both keys, without repetition."""
        return tuple(dict.fromkeys(each for each in (self.user_id, self.parent) if each is not None))


def linked_keys(params: Mapping[str, str]) -> LinkedKeys:
    """Return the sender's other addresses that a message names.

    A message from an id has that id beside it, and no other.
    """
    sender = conversation_key(params.get("From", ""))
    found: dict[str, str | None] = {}
    odd: list[str] = []
    for name in (_USER_ID, _PARENT_ID):
        address = params.get(name, "").strip(_AROUND)
        try:
            key = conversation_key(address) if address else sender
        except InvalidNumber:
            key = ""
        is_found = bool(key) and not is_number(key) and (is_number(sender) or name == _PARENT_ID)
        if is_found and key != sender:
            found[name] = key
        elif key != sender:
            odd.append(name)
    return LinkedKeys(found.get(_USER_ID), found.get(_PARENT_ID), tuple(odd))


def is_user_id(address: str) -> bool:
    """Return whether a WhatsApp address is a business-scoped id."""
    return bool(_BSUID.match(address.removeprefix("whatsapp:")))


def is_number(key: str) -> bool:
    """Return whether a conversation's key is a phone number; any other is a business-scoped id."""
    return key.startswith("+")


def _delivered_number(address: str) -> str:
    try:
        return canonical_number(address)
    except InvalidNumber:
        if found := _DELIVERED.match(address):
            return found[1]
        raise


def _digested(user_id: str) -> str:
    country = user_id.partition(".")[0]
    return f"{country}.~{hashlib.sha256(user_id.encode()).hexdigest()}"[:_LONGEST_KEY]


def number_digest(secret: bytes, key: str) -> str:
    """Return what is remembered of an erased number. `secret`: the database's own."""
    return keyed(secret, hashlib.sha256(key.encode()).hexdigest())


def keyed(secret: bytes, digest: str) -> str:
    """Return an HMAC of a number's plain SHA-256, which former builds kept; both are hexadecimal."""
    return hmac.new(secret, digest.encode(), hashlib.sha256).hexdigest()


def number_digests(secret: bytes, key: str) -> list[str]:
    """Return the digests that find what mentions a number, its own first.

    The other one is of its digits without the country, as `numbers_in` returns them where none is named.
    """
    national = _national_digits(key)
    return [number_digest(secret, each) for each in (key, national) if each]


def _national_digits(key: str) -> str | None:
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(key, None))
    except phonenumbers.NumberParseException:
        return None


def numbers_in(text: str, region: str | None = None) -> set[str]:
    """Return the keys of all numbers that a text may mention.

    `region`: the country of numbers that name none. One that is not a number there is returned as its digits,
    which may be of any country.
    """
    found: set[str] = set()
    for spelled in itertools.islice(_PERHAPS_NUMBER.finditer(text), _MOST_IN_TEXT):
        for part in {spelled[0], *spelled[0].split()}:
            with suppress(InvalidNumber):
                found.add(canonical_number(part))
            try:
                found.add(_one_spelling(written_number(part, region)))
            except InvalidNumber:
                found |= _without_country(part)
    return found


def _without_country(text: str) -> set[str]:
    # A leading 0 is dialled within a country.
    digits = re.sub(r"\D", "", _FLOAT.sub(r"\1", text)).lstrip("0")
    return {digits} if "+" not in text and len(digits) in _NATIONAL_DIGITS else set()


def without_numbers(text: str) -> str:
    """Return somebody's words, such as a vendor's, with the numbers in them masked."""
    return _IN_WORDS.sub(lambda found: masked(re.sub(r"[ ().-]", "", found[0])), text)


def masked(number: str) -> str:
    """Return a number fit for logs: `+57******9155`."""
    if len(number) <= _DIGITS_SHOWN + 3:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 3 - _DIGITS_SHOWN) + number[-_DIGITS_SHOWN:]
