"""What an agent is asked despite trouble, and the broken answers that any route may give."""

from typing import Any

from clients.agent import CallContext, Question
from tests.support.simulators import CLIENT

BODIES = ["redirect", "html", "empty", "bad-json", "list-json", "slow-body", "huge-body", "hang", "reset"]
PRICE = "El plan Premium cuesta $99 al mes."


def question(text: str = "¿Cuánto cuesta?", **over: Any) -> Question:  # noqa: ANN401 - a question's fields
    context = CallContext(
        client_name="Ana", summary="Le interesa el plan oro", history=[("inbound", "Vivo en Cali")]
    )
    asked = {
        "conversation_id": "conv_1",
        "agent_id": "agent_1",
        "text": text,
        "user_id": CLIENT,
        "context": context,
    }
    return Question(**asked | over)
