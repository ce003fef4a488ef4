"""What a client's message says, as text that the agent can be given. Pure.

Anything but text is described in Spanish, from the parameters of Twilio's inbound webhook (`NumMedia`,
`MediaContentType{N}`, `Latitude`, `ButtonText`, …); the raw parameters are kept beside it.
`MessageType`, `ListTitle`, how reactions arrive, and corrected or deleted messages are not documented:
they are used if present.
"""

import json
from collections.abc import Mapping, Sequence

from rules.notes import as_written, detail, note

_KINDS = {
    "image": "una imagen",
    "audio": "un mensaje de voz",
    "video": "un video",
    "text": "un archivo de texto",
    "application": "un documento",
}
_TYPES = {
    "application/pdf": "un documento PDF",
    "text/vcard": "un contacto",
    "text/x-vcard": "un contacto",
    "text/directory": "un contacto",
}
_UNKNOWN_KIND = "un archivo"
_STICKER = "un sticker"
_SAID_BY_TYPE = {
    "unsupported": "[El cliente envió un mensaje de un tipo que no se puede mostrar]",
    "deleted": "[El cliente borró un mensaje]",
    "revoked": "[El cliente borró un mensaje]",
    "edited": "[El cliente corrigió un mensaje anterior:]",
}
_UNSUPPORTED = _SAID_BY_TYPE["unsupported"]
# WhatsApp has one per message, Twilio's other channels ten.
_MOST_FILES = 10
# Digits of the file count that are read; a longer count is many files in any case.
_LONGEST_COUNT = 4
# A form's answers are a few lines; anything more is not for the agent.
_LONGEST_FORM = 1_000


def described(params: Mapping[str, str]) -> str:
    """Return the text of one message: what was written, and what was attached."""
    kind = params.get("MessageType", "").lower()
    parts = [
        *_origin(params),
        *_attachments(params, kind),
        *_location(params),
        *_form(params),
        *_words(params, kind),
    ]
    return "\n".join(part for part in parts if part) or _UNSUPPORTED


def quoted_sid(params: Mapping[str, str]) -> str | None:
    """Return the id of the message that this one replies to, if it quotes one."""
    return params.get("OriginalRepliedMessageSid") or None


def question(texts: Sequence[str]) -> str:
    """Join messages that share a turn into one question, in order."""
    return "\n".join(texts)


def _words(params: Mapping[str, str], kind: str) -> list[str]:
    written = next(
        (text for name in ("Body", "ButtonText", "ListTitle") if (text := params.get(name, "").strip())), ""
    )
    if kind == "reaction":
        return [
            note(f"El cliente reaccionó con {detail(written)}" if written else "El cliente quitó su reacción")
        ]
    return [_SAID_BY_TYPE.get(kind, ""), as_written(written)]


def _origin(params: Mapping[str, str]) -> list[str]:
    """Return notes on where the message comes from: an advertisement, another chat."""
    advert = params.get("ReferralHeadline") or params.get("ReferralBody")
    came = [note(f"El cliente escribe desde el anuncio «{detail(advert)}»")] if advert else []
    forwarded = (
        params.get("Forwarded", "").lower() == "true"
        or params.get("FrequentlyForwarded", "").lower() == "true"
    )
    return [*came, note("Mensaje reenviado por el cliente")] if forwarded else came


def _attachments(params: Mapping[str, str], kind: str) -> list[str]:
    count = params.get("NumMedia", "0")
    files = min(int(count[:_LONGEST_COUNT]), _MOST_FILES) if count.isdecimal() else 0
    types = [params.get(f"MediaContentType{n}", "") for n in range(files)]
    return [note(f"El cliente envió {_attachment(content_type, kind)}") for content_type in types]


def _attachment(content_type: str, kind: str) -> str:
    content_type = content_type.split(";")[0].strip().lower()
    if kind == "sticker" or content_type == "image/webp":  # WhatsApp's photos are JPEG, its stickers WebP
        return _STICKER
    return _TYPES.get(content_type) or _KINDS.get(content_type.split("/")[0], _UNKNOWN_KIND)


def _location(params: Mapping[str, str]) -> list[str]:
    if "Latitude" not in params:
        return []
    place = ", ".join(detail(params[name]) for name in ("Label", "Address") if params.get(name))
    where = f"{detail(params['Latitude'])}, {detail(params.get('Longitude', ''))}"
    return [note(f"El cliente envió su ubicación: {place + ' ' if place else ''}({where})")]


def _form(params: Mapping[str, str]) -> list[str]:
    """Return the answers of a WhatsApp form (flow), as names and values."""
    try:
        answers = json.loads(params.get("FlowData") or "null")
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        return []
    if not isinstance(answers, dict):
        return []
    told = "; ".join(
        f"{name}: {value}" for name, value in answers.items() if isinstance(value, str | int | float)
    )
    return [note(f"El cliente llenó un formulario: {told[:_LONGEST_FORM]}")] if told else []
