"""One conversation as the API gives it."""

from dataclasses import dataclass
from typing import Final

from db.queries import load
from db.readers.query import Query
from schemas.rows import Json

_sql = load("gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPage:
    """Times as the contract writes them. `page`: messages (id, direction, content, timestamp), oldest first."""

    phone_number: str
    client_name: str | None
    status: str | None
    elevenlabs_conversation_id: str
    agent_id: str
    started_at: str | None
    last_message_at: str | None
    message_count: int
    page: list[Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageParams:
    """Twilio's parameters of a message that has files, raw; None for one without."""

    params: dict[str, str] | None


CONVERSATION: Final = Query(_sql.conversation, ConversationPage)
MESSAGE_PARAMS: Final = Query(_sql.message_params, MessageParams)
