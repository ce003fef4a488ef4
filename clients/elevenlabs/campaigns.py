"""Outbound campaigns as ElevenLabs knows them: like batches, but a lead may have several calls. Read-only."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import structlog

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.batches import ListedBatch, Paging, items, listed_batch
from clients.elevenlabs.errors import Forbidden, NotThere
from clients.vendor_json import Json, child
from schemas.elevenlabs_call import ended_as

log = structlog.get_logger()

_BY_CURSOR = Paging("page_size", "cursor", "next_cursor")
_FOLDER = "/v1/convai/outbound-campaigns/campaigns"
# Other campaigns call nobody.
_CALLING = {"channel": "phone", "mode": "voice"}


class ElevenLabsCampaigns:
    """One workspace's phone campaigns; see `ElevenLabsBatches`. What our key may not see is not there."""

    def __init__(self, api: ElevenLabsApi) -> None:
        self._api = api

    async def find(self, batch_id: str) -> Json | None:
        """Return a campaign as if it were a batch, with its calls as recipients; None if there is none."""
        folder = f"{_FOLDER}/{quote(batch_id, safe='')}"
        campaign = await self._get(folder)
        if campaign is None or {name: campaign.get(name) for name in _CALLING} != _CALLING:
            return None
        leads = {each.get("lead_id"): each async for each in self._listed(f"{folder}/leads", "leads")}
        calls = [each async for each in self._listed(f"{folder}/calls", "calls")]
        return _batch(campaign) | {
            "recipients": [_recipient(each, leads.get(each.get("lead_id"), {})) for each in calls]
        }

    async def all(self) -> AsyncIterator[ListedBatch]:
        """List the workspace's campaigns, in ElevenLabs' order."""
        async for each in self._listed(_FOLDER, "campaigns", _CALLING):
            yield listed_batch(each, "campaign_id", "call_name", "updated_at_unix")

    async def _listed(self, path: str, name: str, query: dict[str, str] | None = None) -> AsyncIterator[Json]:
        async for item in items(self._get, path, name, _BY_CURSOR, query):
            if isinstance(item, dict):
                yield item

    async def _get(self, path: str, query: dict[str, str] | None = None) -> Json | None:
        try:
            return await self._api.get(path, query)
        except NotThere:
            return None
        except Forbidden as error:
            log.info("outbound campaigns may not be read with this key", why=error.why)
            return None


def _batch(campaign: Json) -> Json:
    return {
        "id": campaign.get("campaign_id"),
        "name": campaign.get("call_name"),
        "agent_id": campaign.get("agent_id"),
        "agent_name": campaign.get("agent_name"),
        "phone_number_id": child(campaign, "channel_config").get("agent_phone_number_id"),
    }


def _recipient(call: Json, lead: Json) -> Json:
    """Return a call as a batch's recipient, identified by the lead, whichever attempt the call is."""
    result: dict[str, Any] = {"metadata": {"phone_call": {"call_result": call.get("call_result")}}}
    return {
        "id": call.get("lead_id"),
        "phone_number": call.get("phone_number"),
        "status": ended_as(str(call.get("outcome")), result),
        "conversation_id": call.get("conversation_id"),
        "created_at_unix": call.get("scheduled_time_unix"),
        "updated_at_unix": call.get("outcome_at_unix"),
        "conversation_initiation_client_data": {"dynamic_variables": child(lead, "dynamic_variables")},
    }
