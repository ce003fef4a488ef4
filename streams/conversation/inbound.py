"""What a client's message says, as text that the agent can be given.

Twilio's parameters of other kinds than text are described in Spanish (facts of Twilio's inbound webhook: `NumMedia`,
`MediaContentType{N}`, `Latitude`, `ButtonText`, …); the raw parameters are kept beside it.
"""

from collections.abc import Mapping, Sequence

_KINDS = {
    "image": "una imagen",
    "audio": "un mensaje de voz",
    "video": "un video",
    "text": "un contacto",
    "application": "un documento",
}
_UNKNOWN_KIND = "un archivo"
_UNSUPPORTED = "[El cliente envió un mensaje de un tipo que no se puede mostrar]"


def described(params: Mapping[str, str]) -> str:
    """Give the text of one message: what was written, and what was attached."""
    written = params.get("Body", "").strip() or params.get("ButtonText", "").strip()
    parts = [*_attachments(params), *_location(params), written]
    return "\n".join(part for part in parts if part) or _UNSUPPORTED


def _attachments(params: Mapping[str, str]) -> list[str]:
    count = params.get("NumMedia", "0")
    kinds = [params.get(f"MediaContentType{n}", "") for n in range(int(count) if count.isdecimal() else 0)]
    return [f"[El cliente envió {_KINDS.get(kind.split('/')[0], _UNKNOWN_KIND)}]" for kind in kinds]


def _location(params: Mapping[str, str]) -> list[str]:
    if "Latitude" not in params:
        return []
    place = ", ".join(params[name] for name in ("Label", "Address") if params.get(name))
    where = f"{params['Latitude']}, {params.get('Longitude', '')}"
    return [f"[El cliente envió su ubicación: {place + ' ' if place else ''}({where})]"]


def question(texts: Sequence[str]) -> str:
    """Give one question for messages that share a turn, in their order."""
    return "\n".join(texts)
