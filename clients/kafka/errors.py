"""What Kafka's client raises, for whoever does not speak to it itself."""

from aiokafka.errors import KafkaError as KafkaError
from aiokafka.errors import MessageSizeTooLargeError as MessageSizeTooLargeError

__all__ = ["KafkaError", "MessageSizeTooLargeError"]
