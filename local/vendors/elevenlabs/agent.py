"""The simulated agent: answers in Spanish, remembers the call it was told of. Pure."""

_LONG = "Con gusto te lo explico con todo detalle. " * 60
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


def answer(text: str, summary: str, manner: str) -> str:
    """Give the agent's answer. `manner`: normal, echo (`Eco: …`, for observers), long."""
    if manner == "echo":
        return f"Eco: {text}"
    lowered = text.lower() + " "
    found = next((words for keys, words in _ANSWERS if any(key in lowered for key in keys)), None)
    reply = found or "¿Me puedes contar un poco más de lo que buscas?"
    if "llamada" in lowered and summary:
        reply = f"Como te comenté en la llamada: {summary}"
    return f"{reply} {_LONG}" if manner == "long" else reply
