"""Upgrades conversations of the build whose rules were functions in Postgres: here rules and tables meet."""

import uuid
from datetime import datetime

from clients.kafka.producer import partition_of
from db.store.ids import IdBlocks
from db.upgrade.values import Moved, Upgrade
from rules.codec import logged, state_json
from rules.draft import Fresh
from rules.effects import next_due
from rules.failed_turns import turn_json
from rules.policy import Policy
from rules.upgrade.upgrade import upgrade
from schemas.former import FormerConversation
from schemas.settings import Settings


def upgrade_of(settings: Settings) -> Upgrade:
    """Return the upgrade. `settings`: as the worker has them.

    Raises:
        ConfigurationError: one of the rules' settings is malformed.
    """
    policy = Policy.of(settings)

    def convert(former: FormerConversation, now: datetime, ids: IdBlocks) -> Moved:
        return _moved(former, now, ids, policy)

    return Upgrade(convert=convert, place=partition_of)


def _moved(former: FormerConversation, now: datetime, ids: IdBlocks, policy: Policy) -> Moved:
    fresh = Fresh(
        conversation_id=ids.conversations.take,
        message_id=ids.messages.take,
        turn_id=ids.turns.take,
        own_id=lambda: str(uuid.uuid4()),
    )
    result = upgrade(former, now, policy, fresh)
    state = result.state
    assert state.id is not None, "it had a row, or a message has begun its log"
    return Moved(
        phone_number=former.key,
        conversation_id=state.id,
        state=state_json(state),
        is_open=not state.is_idle or bool(state.posts),
        due_at=next_due(state, policy),
        log=tuple(logged(recorded, after, 0) for recorded, after in result.events),
        changes=result.changes,
        failed=tuple(turn_json(turn) for turn in result.failed),
    )
