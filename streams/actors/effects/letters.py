"""Tells the actor of a person's other address what it has to know, by a record under that address's key.

The record may come more than once; its id makes a repetition harmless.
"""

from clients.kafka.producer import Producer
from process.tracing import trace_headers
from rules.person import Letter
from schemas.commands import ConversationCommand
from schemas.topics import CONVERSATION_COMMAND, REPLAY_HEADER
from streams.failpoints import reach


class LetterClient:
    """Publisher of letters as `conversation-command`."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def publish(self, letter: Letter) -> None:
        """Publish a letter; return when Kafka has it.

        Raises:
            KafkaError: it is not known to have been stored, and is published again.
        """
        command = ConversationCommand.from_object(letter.command)
        headers = [*trace_headers()]
        if letter.mark is not None:
            headers.append((REPLAY_HEADER, letter.mark.encode()))
        reach("before-letter")
        await self._producer.send(CONVERSATION_COMMAND, command.key.encode(), command.to_json(), headers)
        reach("after-letter")
