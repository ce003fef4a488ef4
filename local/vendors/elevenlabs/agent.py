"""The simulated agent: answers in Spanish, and remembers the call and the chat it was told of. Pure."""

from local.vendors.elevenlabs.memory import Memory

# Longer than one WhatsApp message may be (1,600 characters), with paragraphs, a list and a link.
_LONG = (
    "Con gusto te lo explico con todo detalle.\n\n"
    + "**El plan Premium** incluye soporte todos los días, instalación y garantía. " * 14
    + "\n\nEstos son los pasos:\n* Elige tu plan\n* Firma el contrato\n* Disfruta\n\n"
    + "Todo está en [nuestra página](https://example.com/planes/premium?origen=whatsapp). "
    + "Si tienes dudas, escríbeme cuando quieras y lo vemos juntos paso a paso. " * 12
).strip()
# More than Kafka's largest record by default, 1 MB, and under the 4 MiB that a WebSocket client accepts
# in one message.
_ENDLESS = "Sigo contándote. " * 150_000
_ANSWERS = (
    (("precio", "cuesta", "cuánto", "cuanto", "valor"), "El plan Premium cuesta $99 al mes."),
    (("horario", "hora", "cuándo", "cuando"), "Atendemos de lunes a viernes de 8:00 a 18:00."),
    (("quién", "quien eres"), "Soy el agente con el que hablaste en la llamada."),
    (("gracias",), "¡Con mucho gusto! Aquí estoy para lo que necesites."),
    (("adiós", "adios", "chao"), "¡Hasta pronto! Que tengas un excelente día."),
    (("hola", "buenas"), "¡Hola! ¿Qué te gustaría saber?"),
    (("sí", "si ", "claro"), "¡Excelente! Te envío los siguientes pasos."),
    (("no ",), "Entiendo. Si cambias de opinión, aquí estaré."),
)


def answer(text: str, memory: Memory, manner: str) -> str:
    """Return the agent's answer.

    `manner`: normal, echo (`Eco: …`, for observers), long, voice (with voice tags) or endless.
    """
    if manner == "echo":
        return f"Eco: {text}"
    if manner == "endless":
        return _ENDLESS
    reply = (
        _recalled(text.lower(), memory)
        or _known(text.lower() + " ")
        or "¿Me puedes contar un poco más de lo que buscas?"
    )
    if manner == "voice":
        return f"[happy] {reply} [short pause]"
    return f"{reply} {_LONG}" if manner == "long" else reply


def _known(text: str) -> str:
    return next((words for keys, words in _ANSWERS if any(key in text for key in keys)), "")


def _recalled(text: str, memory: Memory) -> str:
    """Return an answer from memory if the client asks for one."""
    if "llamada" in text and memory.summary:
        return f"Como te comenté en la llamada: {memory.summary}"
    if "llamo" in text or "mi nombre" in text:
        return f"Te llamas {memory.name}." if memory.name else ""
    if "dije" in text or "escribí" in text:
        said = [*memory.call, *memory.chat]
        return f"Me dijiste: {said[-1]}" if said else ""
    if "mi plan" in text and "plan" in memory.variables:
        return f"Tu plan es {memory.variables['plan']}."
    return ""
