"""Conversations that ElevenLabs knows: phone calls that tests announce, and text conversations held here."""

import time
from dataclasses import dataclass, field, fields
from typing import Any

Json = dict[str, Any]
Turn = tuple[str, str]

_SUMMARY = "El cliente mostró interés en el plan Premium"
_TRANSCRIPT = [
    ("agent", "Hola, le llamo por nuestro plan Premium."),
    ("user", "Me interesa, escríbame por WhatsApp."),
]
_SECONDS_A_TURN = 9
_INLINE_MESSAGES = 50


@dataclass(slots=True, kw_only=True)
class Call:
    """One conversation.

    Counted from when it was announced, it is `in-progress` for `live_seconds` and then `processing` for
    `processing_seconds`. Its analysis appears when it is done.
    """

    conversation_id: str
    agent_id: str = "agent_sim"
    agent_name: str = "Agente"
    summary: str | None = _SUMMARY
    transcript: list[Turn] = field(default_factory=lambda: list(_TRANSCRIPT))
    #: Whole seconds.
    duration: int = 74
    dynamic_variables: Json = field(default_factory=dict)
    user_id: str | None = None
    phone_number: str = "+573138539155"
    call_result: str = "answered"
    batch_id: str | None = None
    #: The outbound campaign that it belongs to.
    campaign_id: str | None = None
    #: False if the campaign has no conversation for it.
    connected: bool = True
    recipient_id: str | None = None
    text_only: bool = False
    #: The final status.
    status: str = "done"
    live_seconds: float = 0.0
    processing_seconds: float = 0.0
    began: float = field(default_factory=time.time)

    @property
    def status_now(self) -> str:
        age = time.time() - self.began
        if age < self.live_seconds:
            return "in-progress"
        return "processing" if age < self.live_seconds + self.processing_seconds else self.status

    def as_json(self) -> Json:
        """Return `GET /v1/convai/conversations/{id}`."""
        return {
            "agent_id": self.agent_id,
            "agent_name": self.agent_name,
            "conversation_id": self.conversation_id,
            "status": self.status_now,
            "user_id": self.user_id,
            "branch_id": None,
            "version_id": None,
            "transcript": [] if self.status_now == "in-progress" else self._turns(),
            "metadata": self._metadata(),
            "analysis": self._analysis(),
            "conversation_initiation_client_data": {
                "conversation_config_override": {},
                "custom_llm_extra_body": {},
                "dynamic_variables": {
                    **self.dynamic_variables,
                    "system__conversation_id": self.conversation_id,
                },
                "user_id": self.user_id,
            },
            "has_audio": not self.text_only,
            "has_user_audio": not self.text_only,
            "has_response_audio": not self.text_only,
            "has_auxiliary_audio": False,
            "tag_ids": [],
        }

    def _turns(self) -> list[Json]:
        medium = "text" if self.text_only else "audio"
        turns: list[Json] = [
            {
                "role": role,
                "message": message,
                "tool_calls": [],
                "tool_results": [],
                "interrupted": False,
                "time_in_call_secs": index * _SECONDS_A_TURN,
                "source_medium": medium,
                "feedback": None,
                "conversation_turn_metrics": None,
            }
            for index, (role, message) in enumerate(self.transcript)
        ]
        # The last turn only used a tool.
        return [*turns, dict(turns[-1], role="agent", message=None)] if turns else []

    def _metadata(self) -> Json:
        source = "unknown" if self.text_only else "twilio"
        metadata: Json = {
            "start_time_unix_secs": int(self.began),
            "accepted_time_unix_secs": None,
            "cost": 100,
            "call_duration_secs": 0 if self.status_now == "in-progress" else self.duration,
            "termination_reason": "",
            "error": None,
            "main_language": "es",
            "text_only": self.text_only,
            "conversation_initiation_source": source,
            "timezone": None,
            "phone_call": None,
            "batch_call": None,
        }
        if not self.text_only:
            metadata["phone_call"] = {
                "type": "twilio",
                "direction": "outbound",
                "phone_number_id": "phnum_sim",
                "agent_number": "+15550000000",
                "external_number": self.phone_number,
                "call_result": self.call_result,
                "call_sid": "CA" + "0" * 32,
                "stream_sid": "MZ" + "0" * 32,
            }
        if self.batch_id:
            metadata["batch_call"] = {
                "batch_call_id": self.batch_id,
                "batch_call_recipient_id": self.recipient_id or "",
            }
        if self.campaign_id:
            campaign = {
                "campaign_id": self.campaign_id,
                "campaign_lead_id": self.recipient_id or "",
                "cold_attempt": 1,
            }
            batch = {"batch_call_id": f"btcal_of_{self.conversation_id}", "batch_call_recipient_id": "rcpt"}
            metadata["batch_call"] = batch | {"campaign": campaign | {"conversation_type": "initial"}}
        return metadata

    def _analysis(self) -> Json | None:
        if self.status_now != "done" or self.summary is None:
            return None
        return {
            "call_successful": "success",
            "transcript_summary": self.summary,
            "call_summary_title": "Llamada",
            "data_collection_results": {},
            "evaluation_criteria_results": {},
        }

    def summary_json(self, most: int = _INLINE_MESSAGES) -> Json:
        """Return `…/{id}/summary`, with inline messages only if there are few."""
        turns = [{"role": role, "message": message} for role, message in self.transcript]
        analysis = self._analysis() or {}
        return {
            "conversation_id": self.conversation_id,
            "agent_id": self.agent_id,
            "status": self.status_now,
            "call_summary_title": analysis.get("call_summary_title"),
            "message_count": len(turns),
            "transcript_summary": analysis.get("transcript_summary"),
            "call_successful": analysis.get("call_successful", "unknown"),
            "messages": turns if len(turns) <= most else None,
            "messages_omitted": len(turns) > most,
            "note": None,
        }

    def row_json(self) -> Json:
        """Return its row in the list."""
        return {
            "agent_id": self.agent_id,
            "agent_name": self.agent_name,
            "conversation_id": self.conversation_id,
            "start_time_unix_secs": int(self.began),
            "call_duration_secs": self.duration,
            "status": self.status_now,
            "message_count": len(self.transcript),
            "call_successful": "success",
            "direction": "outbound",
            "transcript_summary": (self._analysis() or {}).get("transcript_summary"),
        }


_FIELDS = frozenset(field.name for field in fields(Call))


def call_of(wanted: Json) -> Call:
    """Read a call that a test announces; keys that are not fields of a call are ignored."""
    known = {name: value for name, value in wanted.items() if name in _FIELDS}
    if "transcript" in known:
        known["transcript"] = [(str(role), str(message)) for role, message in known["transcript"]]
    return Call(**known)
