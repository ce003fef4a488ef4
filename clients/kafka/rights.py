"""What we need but may not do in Kafka. Brokers are asked: when they refuse, they give no reason.

aiokafka does not know the versions of the requests that tell.
"""

from collections.abc import Iterable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Bytes, Int16, Int32, Schema, String

from clients.kafka.connection import DENIED, not_allowed
from clients.kafka.topics import open_admin
from schemas.errors import ConfigurationError
from schemas.rights import Needs
from schemas.settings import Settings
from schemas.topics import topic_name

# Kafka's AclOperation; the allowed ones come as bits of a number.
_OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8}
_CODES = tuple(error.errno for error in DENIED)
_TEXT = String("utf-8")


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY, API_VERSION = 3, 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("name", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY, API_VERSION, RESPONSE_TYPE = 3, 8, _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("create", Boolean),
        ("cluster_operations", Boolean),
        ("operations", Boolean),
    )


class _Metadata(Request[_MetadataStruct]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        return request_struct_class(self._topics, False, False, True)


class _GroupsResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY, API_VERSION = 15, 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("name", _TEXT),
                ("state", _TEXT),
                ("protocol_type", _TEXT),
                ("protocol", _TEXT),
                (
                    "members",
                    Array(
                        ("id", _TEXT), ("client", _TEXT), ("host", _TEXT), ("about", Bytes), ("has", Bytes)
                    ),
                ),
                ("operations", Int32),
            ),
        ),
    )


class _GroupsStruct(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY, API_VERSION, RESPONSE_TYPE = 15, 3, _GroupsResponse
    SCHEMA = Schema(("groups", Array(_TEXT)), ("operations", Boolean))


class _Groups(Request[_GroupsStruct]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: type[_GroupsStruct]) -> _GroupsStruct:
        return request_struct_class(self._groups, True)


async def check_rights(settings: Settings, needs: Needs) -> None:
    """Check that the brokers let us do what we need.

    Raises:
        ConfigurationError: names who lacks which operations, except for what the brokers do not tell.
    """
    if settings.kafka_embedded:
        return
    async with open_admin(settings) as admin:
        try:
            lacking = [*await _of_topics(admin, settings, needs), *await _of_groups(admin, settings, needs)]
        except (IncompatibleBrokerVersion, NotImplementedError):  # older than Kafka 2.3
            return
    if lacking:
        raise ConfigurationError(not_allowed(settings, lacking))


async def _of_topics(admin: AIOKafkaAdminClient, settings: Settings, needs: Needs) -> list[str]:
    wanted = {topic: ["Describe"] for topic in needs.describe}
    for operation, topics in (("Read", needs.read), ("Write", needs.write)):
        for topic in topics:
            wanted[topic] = [*wanted[topic], operation]
    names = {topic_name(settings.topic_prefix, topic): operations for topic, operations in wanted.items()}
    answer = await admin._send_request(_Metadata(list(names)))
    found = {each[1]: (each[0], each[4]) for each in answer.topics}
    return list(_lacking("topic", names, found))


async def _of_groups(admin: AIOKafkaAdminClient, settings: Settings, needs: Needs) -> list[str]:
    wanted = {group: ["Read"] for group in needs.groups} | {
        group: ["Describe"] for group in needs.described_groups
    }
    names = {topic_name(settings.topic_prefix, group): operations for group, operations in wanted.items()}
    found: dict[str, tuple[int, int]] = {}
    for name in names:
        try:
            node = await admin.find_coordinator(name)
        except GroupAuthorizationFailedError as error:
            found[name] = error.errno, 0
            continue
        except GroupCoordinatorNotAvailableError:  # no group has ever been in this cluster
            continue
        answer = await admin._send_request(_Groups([name]), node)
        found |= {each[1]: (each[0], each[6]) for each in answer.groups}
    return list(_lacking("group", names, found))


def _lacking(kind: str, wanted: dict[str, list[str]], found: dict[str, tuple[int, Any]]) -> Iterable[str]:
    """Yield what is wanted and not allowed. `found`: error and allowed operations; none: not told."""
    for name, operations in wanted.items():
        code, allowed = found.get(name, (0, 0))
        denied = [each for each in operations if code in _CODES or not allowed & 1 << _OPERATIONS[each]]
        if denied and (code in _CODES or allowed > 0):
            yield f"{' and '.join(denied)} on {kind} {name}"
