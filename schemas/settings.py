"""All settings of the service, read once per process from the environment.

The attribute's name in upper case is the variable's name. Nothing here has a secret as its default.
"""

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import ConfigurationError
from schemas.setting_checks import check_shapes

FIRST_MESSAGE = (
    "¡Hola {client_name}! Soy {agent_name}. Gracias por tu tiempo en la llamada. {summary}"
    "Puedes seguir la conversación por aquí: ¿en qué te puedo ayudar?"
)
NO_ANSWER_MESSAGE = (
    "¡Hola {client_name}! Soy {agent_name}. Intentamos llamarte y no pudimos hablar contigo. "
    "Si quieres, seguimos por aquí: ¿en qué te puedo ayudar?"
)

OPT_OUT = "Listo, no te escribiremos más. Si cambias de opinión, responde ALTA."
OPT_IN = "Listo, puedes volver a recibir nuestros mensajes. ¿En qué te podemos ayudar?"
HANDOFF = "Te paso con una persona de nuestro equipo; te escribirá por aquí en cuanto pueda."
NO_TEXT = "-"
"""What a text is set to when nothing is to be sent; an empty variable counts as not set."""

APOLOGY = "Disculpa, ahora mismo no puedo responderte. Te contestaremos en cuanto sea posible."


class Settings(BaseSettings):
    """See each field's description. Empty variables count as not set."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    port: int = Field(3001, ge=0, le=65535, description="Port of the HTTP service (web).")
    worker_port: int = Field(6066, ge=0, le=65535, description="Port of the worker's own views.")
    stats_port: int = Field(6067, ge=0, le=65535, description="Port of the stats worker's views.")
    stats_url: str = Field("http://127.0.0.1:6067", description="Where web finds a stats worker.")
    backend_url: str = Field("http://localhost:3000", description="The main backend.")
    public_base_url: str | None = Field(
        None, description="What Twilio calls, e.g. https://wa.example.com. Signatures are checked against it."
    )
    microservice_token: str | None = Field(None, description="X-Service-Token of /api. Not set: all refused.")

    twilio_account_sid: str | None = Field(None, description="Twilio account, AC….")
    twilio_auth_token: str | None = Field(None, description="Twilio's primary auth token.")
    twilio_whatsapp_from: str = Field("whatsapp:+14155238886", description="Our WhatsApp sender.")
    twilio_other_senders: Literal["refuse", "ignore"] = Field(
        "refuse",
        description="What happens to a webhook for another sender of the account: 403, or 200 and nothing. Never answered.",
    )
    twilio_api_base_url: str = Field("https://api.twilio.com", description="Twilio's API host.")
    twilio_first_message_content_sid: str | None = Field(None, description="Approved template, HX….")
    twilio_first_message_content_variables: str | None = Field(
        None, description='JSON object, e.g. {"1": "{client_name}", "2": "{summary}"}.'
    )
    twilio_no_answer_content_sid: str | None = Field(
        None, description="Template of the first message after calls that were not completed. Not set: the one above."
    )
    twilio_no_answer_content_variables: str | None = Field(None, description="Its variables.")
    twilio_reopen_content_sid: str | None = Field(
        None, description="Template of whatever else is sent outside the 24-hour window. Not set: the first message's."
    )
    twilio_reopen_content_variables: str | None = Field(None, description="Its variables; {text} is what was to be said.")
    twilio_messages_per_second: float = Field(80, gt=0, description="Sends per second of our sender, all workers together.")
    twilio_account_messages_per_second: float | None = Field(
        None, gt=0, description="Our part of the account's rate, where other senders share it. Not set: the sender's."
    )
    twilio_unknown_patience_seconds: float = Field(
        60, ge=0, description="How long a send of unknown outcome is looked for before it is decided."
    )
    twilio_unknown_send: Literal["resend", "hold"] = Field(
        "resend", description="What happens to a send that was not found: sent again, or left to an operator."
    )

    elevenlabs_api_key: str | None = Field(None, description="ElevenLabs key.")
    elevenlabs_api_base_url: str = Field("https://api.elevenlabs.io", description="ElevenLabs' API host.")
    elevenlabs_transport: Literal["auto", "rest", "websocket"] = Field(
        "auto", description="auto tries REST and goes over to the WebSocket on 404/405."
    )
    elevenlabs_webhook_secret: str | None = Field(None, description="Secret of the post-call webhook.")
    elevenlabs_post_call: Literal["details", "call-completed"] = Field(
        "details",
        description="What the post-call webhook does: fills in summary and duration, or begins conversations, too.",
    )
    elevenlabs_max_concurrency: int = Field(
        100, ge=1, description="Conversations with ElevenLabs at once per worker; the workspace's limit."
    )
    agent_patience_seconds: float = Field(
        300, gt=0, description="How long the agent may stay away before the client gets APOLOGY_TEXT instead."
    )
    apology_text: str = Field(APOLOGY, min_length=1, description="Sent once for a turn whose agent stays away.")
    summary_wait_seconds: float = Field(2.0, ge=0, description="Longest the first message waits for the call's summary.")

    database_url: str | None = Field(None, description="postgresql://user:password@host:5432/name")
    database_pool_size: int = Field(10, ge=2, description="Connections to Postgres per process.")

    kafka_bootstrap_servers: str | None = Field(None, description="host:port[,host:port…]")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field("PLAIN", description="SASL mechanism.")
    kafka_sasl_username: str | None = Field(None, description="SASL user.")
    kafka_sasl_password: str | None = Field(None, description="SASL password.")
    kafka_ssl_cafile: str | None = Field(None, description="CA certificates (PEM) for Kafka's TLS.")
    kafka_embedded: bool = Field(False, description="The broker is the embedded one (set by `up`).")
    topic_prefix: str = Field("", description="Put before every topic's name.")
    topic_partitions: int = Field(8, ge=1, le=1000, description="Partitions of every topic.")
    topic_replication_factor: int = Field(-1, description="-1: the broker's default.")
    topic_retention_hours: int = Field(24 * 14, ge=1, description="How long topics keep events.")

    start_wait_seconds: float = Field(
        30, ge=0, description="How long a starting process waits for Postgres, Kafka and its port."
    )
    message_retention_days: float = Field(0, ge=0, description="How long messages are kept. 0: for ever.")
    journal_retention_days: float = Field(
        0,
        ge=0,
        description="How long done turns, replies and raw events are kept, never shorter than topics. 0: for ever.",
    )

    max_in_flight: int = Field(2000, ge=1, description="Conversations worked on at once per worker.")
    outcome_wait_seconds: float = Field(
        8.5, gt=0, le=9, description="Longest POST /api/call-completed waits; the backend gives up at 10 s."
    )
    unknown_number_grace_seconds: float = Field(
        300, ge=0, description="How long a message of an unknown number waits for its call."
    )
    unknown_number_agent_id: str | None = Field(
        None, description="Agent that answers unknown numbers. Not set: stored, not answered."
    )
    reply_quiet_seconds: float = Field(0, ge=0, description="Silence to wait for before answering a burst.")
    reply_quiet_max_seconds: float = Field(20, ge=0, description="Longest that a burst is waited for.")
    typing_indicator: bool = Field(True, description="Show the client that an answer is being made, where it takes long.")
    backfill_every_seconds: float = Field(
        120, ge=0, description="How often web looks for messages at Twilio that never reached us. 0: only at its start."
    )
    backfill_hours: float = Field(
        24, ge=0, description="Longest gap that web fetches by itself; for longer ones there is `backfill --since`."
    )
    first_message_text: str = Field(FIRST_MESSAGE, description="First message after a completed call.")
    call_status_actions: str = Field(
        "{}",
        description='How a conversation begins, by the call\'s status: JSON such as {"voicemail": "none"}; '
        '"first", "no_answer" or "none", or a text; "*" are all others.',
    )
    quiet_hours: str | None = Field(
        None, description="Hours without first messages in the client's own time zone, e.g. 21:00-08:00."
    )
    campaign_messages_per_minute: float = Field(0, ge=0, description="First messages of one campaign a minute. 0: no pace.")
    opt_out_words: str = Field(
        "STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, BAJA, CANCELAR, DETENER, PARAR, SALIR, DARME DE BAJA, DAR DE BAJA, "
        "NO ME ESCRIBAN MAS, NO ME ESCRIBAS MAS",
        description="Whole messages after which a number gets no more messages of ours, separated by commas.",
    )
    opt_in_words: str = Field("START, UNSTOP, ALTA, REANUDAR, DARME DE ALTA", description="Whole messages that undo it.")
    opt_out_text: str = Field(OPT_OUT, min_length=1, description='Confirms an opt-out once; "-" sends nothing.')
    opt_in_text: str = Field(OPT_IN, min_length=1, description='Confirms that it was undone; "-" sends nothing.')
    handoff_words: str = Field(
        "ASESOR, ASESORA, HUMANO, PERSONA, AGENTE HUMANO, UNA PERSONA, UN ASESOR, UNA ASESORA, HABLAR CON UN ASESOR, "
        "HABLAR CON UNA ASESORA, HABLAR CON UNA PERSONA, HABLAR CON UN HUMANO, QUIERO HABLAR CON UN ASESOR, "
        "QUIERO HABLAR CON UNA PERSONA, QUIERO HABLAR CON ALGUIEN",
        description="Whole messages that ask for a person, separated by commas.",
    )
    handoff_text: str = Field(HANDOFF, min_length=1, description='Sent when a person takes over; "-" sends nothing.')
    handoff_tools: str = Field(
        "transfer_to_human, hand_off_to_human, pasar_a_persona",
        description="Client tools by which the agent asks for a person, separated by commas.",
    )
    handoff_phrase: str | None = Field(
        None, description="Words in an answer by which the agent asks for a person; the client does not see them."
    )
    conversation_idle_close_hours: float = Field(72, ge=0, description="Silence that closes a conversation. 0: never.")
    escalated_resume_hours: float = Field(
        24, ge=0, description="After this without a person's message the agent speaks again. 0: never."
    )
    backend_events: str = Field(
        "escalated, resumed, opted_out, opted_in",
        description="What the backend is told by a signed POST: these and closed; - for nothing.",
    )
    backend_events_path: str = Field("/api/whatsapp-events", description="Path of these POSTs under BACKEND_URL.")
    backend_webhook_secret: str | None = Field(None, description="Signs these POSTs. Not set: MICROSERVICE_TOKEN.")
    no_answer_message_text: str = Field(NO_ANSWER_MESSAGE, description="First message after other calls.")
    worker_urls: str = Field(
        "http://127.0.0.1:6066", description="Where web finds the workers' views, separated by commas."
    )
    phone_url: str | None = Field(
        None, description="Where /phone leads: the phone in the browser (set by `up` with simulated vendors)."
    )
    operator_tokens: str | None = Field(
        None, description='JSON object of operators and their sign-in tokens for /ops, e.g. {"ana": "…"}.'
    )
    operators_see_masked_numbers: bool = Field(False, description="Numbers are masked in lists until one is opened.")
    stats_timezone: str = Field("UTC", description="Where the day of the statistics turns.")
    stats_days_kept: int = Field(8, ge=2, le=366, description="Days that the live statistics keep, today included.")
    stats_closed_kept_days: int = Field(
        30, ge=1, description="Days after its last message for which a closed conversation stays in the live statistics."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="Where traces go, by OTLP over HTTP, e.g. http://127.0.0.1:4318. Not set: no traces."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal.")

    def operators(self) -> dict[str, str]:
        """Give the operators' tokens by name.

        Raises:
            ConfigurationError: not a JSON object of texts.
        """
        try:
            found = json.loads(self.operator_tokens or "{}")
        except ValueError as error:
            raise ConfigurationError(f"OPERATOR_TOKENS: not JSON: {error}") from error
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise ConfigurationError("OPERATOR_TOKENS: must be a JSON object of texts")
        return found


def load_settings(env: Mapping[str, str] | None = None, **over: object) -> Settings:
    """Read settings from `env` (default: the process's environment); `over` wins.

    Raises:
        ConfigurationError: one line that names the variable and what is wrong with it.
    """
    values = _known(env) if env is not None else {}
    try:
        settings = Settings(**{**values, **over})  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "environment"
        raise ConfigurationError(f"{name}: {first['msg']}") from error
    check_shapes(settings)
    return settings


def _known(env: Mapping[str, str]) -> dict[str, object]:
    return {name: env[name.upper()] for name in Settings.model_fields if env.get(name.upper())}


def require(settings: Settings, *names: str) -> None:
    """Check that settings a process cannot do without are there.

    Raises:
        ConfigurationError: names every missing variable in one line.
    """
    missing = [name.upper() for name in names if getattr(settings, name) is None]
    if missing:
        raise ConfigurationError(f"{', '.join(missing)}: not set; see `whatsapp-microservice doctor`")
