"""All settings of the service, read once per process from the environment.

The attribute's name in upper case is the variable's name. Nothing here has a secret as its default.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Literal, Self, get_args
from urllib.parse import unquote, urlsplit

from pydantic import Field, PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.database_url import database_url
from schemas.errors import ConfigurationError
from schemas.fields import REGION
from schemas.secret import Secret, SecretText
from schemas.setting_checks import check_shapes
from schemas.texts import TEMPLATES, Texts, read_texts, shipped

_SPANISH: Final = shipped("es").settings
NO_TEXT = "-"
"""Value of a text when nothing is to be sent; an empty variable counts as not set."""


SummaryLanguage = Literal["es", "en", "pt", "fr", "it", "de", "any"]


class Settings(BaseSettings):
    """See each field's description. Empty variables count as not set."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")
    _unused: tuple[str, ...] = PrivateAttr(())

    bind_host: str | None = Field(
        None,
        description="Address that web and the workers' views listen on. Not set: all; `up` takes 127.0.0.1.",
    )
    port: int = Field(3001, ge=0, le=65535, description="Port of the HTTP service (web).")
    worker_port: int = Field(6066, ge=0, le=65535, description="Port of the worker's own views.")
    stats_port: int = Field(6067, ge=0, le=65535, description="Port of the stats worker's views.")
    stats_url: str = Field("http://127.0.0.1:6067", description="Where web finds a stats worker.")
    backend_url: str = Field("http://localhost:3000", description="The main backend.")
    public_base_url: str | None = Field(
        None, description="What Twilio calls, e.g. https://wa.example.com. Signatures are checked against it."
    )
    max_connections: int = Field(
        2000, ge=1, description="Connections that web holds at once, no more than its file descriptors allow."
    )
    trusted_proxies: str = Field(
        "", description="Proxies whose X-Forwarded-For counts: addresses and networks, separated by commas."
    )
    microservice_token: SecretText | None = Field(
        None, description="X-Service-Token of /api. Not set: all refused."
    )
    microservice_token_secondary: SecretText | None = Field(
        None, description="Taken beside MICROSERVICE_TOKEN while that is changed, see docs/security.md."
    )

    twilio_account_sid: str | None = Field(None, description="Twilio account, AC….")
    twilio_auth_token: SecretText | None = Field(None, description="Twilio's primary auth token.")
    twilio_auth_token_secondary: SecretText | None = Field(
        None,
        description="Another one whose signatures of webhooks are taken while it is changed, "
        "see docs/security.md.",
    )
    twilio_whatsapp_from: str = Field("whatsapp:+14155238886", description="Our WhatsApp sender.")
    twilio_other_senders: Literal["refuse", "ignore"] = Field(
        "refuse",
        description="What happens to a webhook for another sender of the account: 403, or 200 and nothing. "
        "Never answered.",
    )
    twilio_api_base_url: str = Field("https://api.twilio.com", description="Twilio's API host.")
    twilio_first_message_content_sid: str | None = Field(None, description="Approved template, HX….")
    twilio_first_message_content_variables: str | None = Field(
        None, description='JSON object, e.g. {"1": "{client_name}", "2": "{summary}"}.'
    )
    twilio_no_answer_content_sid: str | None = Field(
        None,
        description="Template of the first message after calls that were not completed. "
        "Not set: the one above.",
    )
    twilio_no_answer_content_variables: str | None = Field(None, description="Its variables.")
    twilio_reopen_content_sid: str | None = Field(
        None,
        description="Template of whatever else is sent outside the 24-hour window. "
        "Not set: the first message's.",
    )
    twilio_reopen_content_variables: str | None = Field(
        None, description="Its variables; {text} is what was to be said."
    )
    twilio_messages_per_second: float = Field(
        80, gt=0, description="Sends per second of our sender, all workers together."
    )
    twilio_account_messages_per_second: float | None = Field(
        None,
        gt=0,
        description="Our part of the account's rate, where other senders share it. Not set: the sender's.",
    )
    twilio_unknown_patience_seconds: float = Field(
        60,
        ge=0,
        description="Longest time for which a send of unknown outcome is looked for; "
        "the list may decide sooner.",
    )
    twilio_unknown_send: Literal["resend", "hold"] = Field(
        "resend", description="What happens to a send that was not found: sent again, or left to an operator."
    )

    elevenlabs_api_key: SecretText | None = Field(None, description="ElevenLabs key.")
    elevenlabs_api_base_url: str = Field("https://api.elevenlabs.io", description="ElevenLabs' API host.")
    elevenlabs_transport: Literal["auto", "rest", "websocket"] = Field(
        "auto", description="auto tries REST and goes over to the WebSocket on 404/405."
    )
    elevenlabs_webhook_secret: SecretText | None = Field(None, description="Secret of the post-call webhook.")
    elevenlabs_post_call: Literal["details", "call-completed"] = Field(
        "details",
        description="What the post-call webhook does: fills in summary and duration, "
        "or begins conversations, too.",
    )
    elevenlabs_max_concurrency: int = Field(
        100, ge=1, description="Conversations with ElevenLabs at once per worker; the workspace's limit."
    )
    agent_patience_seconds: float = Field(
        300, gt=0, description="How long the agent may stay away before the client gets APOLOGY_TEXT instead."
    )
    apology_text: str = Field(
        _SPANISH["apology_text"], min_length=1, description="Sent once for a turn whose agent stays away."
    )
    summary_wait_seconds: float = Field(
        2.0, ge=0, description="Longest the first message waits for the call's summary."
    )

    database_url: SecretText | None = Field(None, description="postgresql://user:password@host:5432/name")
    database_pool_size: int = Field(10, ge=2, description="Connections to Postgres per process.")

    kafka_bootstrap_servers: str | None = Field(None, description="host:port[,host:port…]")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "PLAIN", description="SASL mechanism."
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user; with OAUTHBEARER the client's id.")
    kafka_sasl_password: SecretText | None = Field(
        None, description="SASL password; with OAUTHBEARER the client's secret."
    )
    kafka_oauth_token_url: str | None = Field(
        None, description="Where OAUTHBEARER has its tokens from, by the grant client_credentials."
    )
    kafka_oauth_scope: str | None = Field(None, description="Scope of these tokens.")
    kafka_oauth_token_provider: str | None = Field(
        None, description="Instead of these: module:function that returns a token, e.g. for MSK IAM."
    )
    kafka_ssl_cafile: str | None = Field(None, description="CA certificates (PEM) for Kafka's TLS.")
    kafka_ssl_certfile: str | None = Field(None, description="Our certificate (PEM), where Kafka wants one.")
    kafka_ssl_keyfile: str | None = Field(
        None, description="Its key (PEM, not encrypted). Not set: in the same file."
    )
    kafka_embedded: bool = Field(False, description="The broker is the embedded one (set by `up`).")
    topic_prefix: str = Field("", description="Put before every topic's name.")
    topic_partitions: int = Field(8, ge=1, le=1000, description="Partitions of every topic.")
    topic_replication_factor: int = Field(-1, description="-1: the broker's default.")
    topic_retention_hours: int = Field(24 * 14, ge=1, description="How long topics keep events.")

    start_wait_seconds: float = Field(
        30, ge=0, description="How long a starting process waits for Postgres, Kafka and its port."
    )
    message_retention_days: float = Field(
        0, ge=0, description="How long messages are kept, and their words anywhere. 0: for ever."
    )
    journal_retention_days: float = Field(
        0,
        ge=0,
        description="How long done turns, replies and raw events are kept, never shorter than topics. "
        "0: for ever.",
    )

    max_in_flight: int = Field(
        2000,
        ge=1,
        description="Unfinished events of a topic per worker, and half of the conversations it works on.",
    )
    outcome_wait_seconds: float = Field(
        8.5, gt=0, le=9, description="Longest POST /api/call-completed waits; the backend gives up at 10 s."
    )
    default_region: str | None = Field(
        None, description="Country of calls' numbers that name none, such as CO. Not set: they are refused."
    )
    unknown_number_grace_seconds: float = Field(
        300, ge=0, description="How long a message of an unknown number waits for its call."
    )
    unknown_number_agent_id: str | None = Field(
        None, description="Agent that answers unknown numbers. Not set: stored, not answered."
    )
    reply_quiet_seconds: float = Field(0, ge=0, description="Silence to wait for before answering a burst.")
    reply_quiet_max_seconds: float = Field(20, ge=0, description="Longest that a burst is waited for.")
    same_words_seconds: float = Field(
        10,
        ge=0,
        le=300,
        description="A message that says the same as the one before within this time shares its answer. "
        "0: it never does.",
    )
    typing_indicator: bool = Field(
        True, description="Show the client that an answer is being made, where it takes long."
    )
    backfill_every_seconds: float = Field(
        120,
        ge=0,
        description="How often web looks for messages at Twilio that never reached us. 0: only at its start.",
    )
    backfill_hours: float = Field(
        24,
        ge=0,
        description="Longest gap that web fetches by itself; for longer ones there is `backfill --since`.",
    )
    texts_language: str = Field(
        "es",
        pattern="^[a-z]{2,3}$",
        description="Language of our own texts where a call names none (call_metadata.language). "
        "es and pt ship.",
    )
    texts_dir: str | None = Field(
        None, description="Folder of further languages' texts, LANGUAGE.json; see schemas/texts/README.md."
    )
    first_message_text: str = Field(
        _SPANISH["first_message_text"], description="First message after a completed call."
    )
    first_message_summary: Literal["off", "on"] = Field(
        "off",
        description="Whether {summary} in a free text, such as FIRST_MESSAGE_TEXT, is the call's summary, "
        "which the agent writes for the team. Off: it is left out there; templates have it all the same.",
    )
    first_message_summary_language: SummaryLanguage = Field(
        "es",
        description="A summary in another language is left out of free texts. any: whatever it is. "
        "Where a text is of another language than TEXTS_LANGUAGE, it is that one.",
    )
    first_message_summary_length: int = Field(
        300,
        ge=20,
        le=1_000,
        description="Longest summary in a free text, in characters; it is cut at a word.",
    )
    call_status_actions: str = Field(
        "{}",
        description='How a conversation begins, by the call\'s status: JSON such as {"voicemail": "none"}; '
        '"first", "no_answer" or "none", or a text; "*" are all others.',
    )
    quiet_hours: str | None = Field(
        None, description="Hours without first messages in the client's own time zone, e.g. 21:00-08:00."
    )
    campaign_messages_per_minute: float = Field(
        0, ge=0, description="First messages of one campaign a minute. 0: no pace."
    )
    opt_out_words: str = Field(
        "STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, BAJA, CANCELAR, DETENER, PARAR, SALIR, "
        "DARME DE BAJA, DAR DE BAJA, NO ME ESCRIBAN MAS, NO ME ESCRIBAS MAS",
        description="Whole messages after which a number gets no more messages of ours, separated by commas.",
    )
    opt_in_words: str = Field(
        "START, UNSTOP, ALTA, REANUDAR, DARME DE ALTA", description="Whole messages that undo it."
    )
    opt_out_text: str = Field(
        _SPANISH["opt_out_text"], min_length=1, description='Confirms an opt-out once; "-" sends nothing.'
    )
    opt_in_text: str = Field(
        _SPANISH["opt_in_text"], min_length=1, description='Confirms that it was undone; "-" sends nothing.'
    )
    handoff_words: str = Field(
        "ASESOR, ASESORA, HUMANO, AGENTE HUMANO, UN ASESOR, UNA ASESORA, UN HUMANO, PERSONA REAL, "
        "UNA PERSONA REAL, ATENCION HUMANA, CON UN ASESOR, CON UNA ASESORA, CON UNA PERSONA, "
        "HABLAR CON ALGUIEN, HABLAR CON UN ASESOR, HABLAR CON UNA ASESORA, HABLAR CON UNA PERSONA, "
        "HABLAR CON UN HUMANO, QUIERO UN ASESOR, QUIERO UNA ASESORA, QUIERO HABLAR CON UN ASESOR, "
        "QUIERO HABLAR CON UNA ASESORA, QUIERO HABLAR CON UNA PERSONA, QUIERO HABLAR CON UN HUMANO, "
        "QUIERO HABLAR CON ALGUIEN",
        description="Whole messages that ask for a person, separated by commas: "
        "phrases that answer no question of the agent's.",
    )
    handoff_payloads: str = Field(
        "HANDOFF, HUMAN, TRANSFER_TO_HUMAN, PASAR_A_PERSONA, ASESOR",
        description="Payloads of buttons, and ids of list items, that ask for a person, separated by commas.",
    )
    handoff_text: str = Field(
        _SPANISH["handoff_text"],
        min_length=1,
        description='Sent when a person takes over; "-" sends nothing.',
    )
    handoff_tools: str = Field(
        "transfer_to_human, hand_off_to_human, pasar_a_persona",
        description="Client tools by which the agent asks for a person, separated by commas.",
    )
    handoff_phrase: str | None = Field(
        None,
        description="Words in an answer by which the agent asks for a person; the client does not see them.",
    )
    conversation_idle_close_hours: float = Field(
        72, ge=0, description="Silence that closes a conversation. 0: never."
    )
    escalated_resume_hours: float = Field(
        24, ge=0, description="After this without a person's message the agent speaks again. 0: never."
    )
    backend_events: str = Field(
        "escalated, resumed, opted_out, opted_in",
        description="What the backend is told by a signed POST: these and closed; - for nothing.",
    )
    backend_events_path: str = Field(
        "/api/whatsapp-events", description="Path of these POSTs under BACKEND_URL."
    )
    backend_webhook_secret: SecretText | None = Field(
        None, description="Signs these POSTs. Not set: MICROSERVICE_TOKEN."
    )
    no_answer_message_text: str = Field(
        _SPANISH["no_answer_message_text"], description="First message after other calls."
    )
    worker_urls: str = Field(
        "http://127.0.0.1:6066",
        description="Where web finds the workers' views, separated by commas; `/health` says which "
        "do not answer. A name with several addresses stands for as many workers. `-`: nowhere.",
    )
    phone_url: str | None = Field(
        None, description="Where /phone leads: the phone in the browser (set by `up` with simulated vendors)."
    )
    operator_tokens: SecretText | None = Field(
        None, description='JSON object of operators and their sign-in tokens for /ops, e.g. {"ana": "…"}.'
    )
    operators_see_masked_numbers: bool = Field(
        False, description="Numbers are masked in lists until one is opened."
    )
    stats_timezone: str = Field("UTC", description="Where the day of the statistics turns.")
    stats_days_kept: int = Field(
        8, ge=2, le=366, description="Days that the live statistics keep, today included."
    )
    stats_closed_kept_days: int = Field(
        30,
        ge=1,
        description="Days after its last message for which a closed conversation stays in the live "
        "statistics.",
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        description="Where traces go, by OTLP over HTTP, e.g. http://127.0.0.1:4318. Not set: no traces.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal.")

    def in_language(self, language: str, texts: Texts) -> Self:
        """Return a copy with a language's texts. Set texts stay, except templates, which have a language."""
        is_set = self.model_fields_set - set(TEMPLATES)
        given = {name: value for name, value in texts.settings.items() if name not in is_set}
        if language != self.texts_language and language in get_args(SummaryLanguage):
            given["first_message_summary_language"] = language
        return self.model_copy(update=given)

    @property
    def country(self) -> Mapping[str, object]:
        """Return the context in which a call is read, see `schemas.fields.REGION`."""
        return {REGION: self.default_region}

    @property
    def unused_database_parameters(self) -> tuple[str, ...]:
        """Names of DATABASE_URL's parameters that are left out because they are other drivers'."""
        return self._unused

    def secrets(self) -> frozenset[str]:
        """Return every secret that is set: whole, and each part of those that have parts."""
        whole = {str(value) for value in vars(self).values() if isinstance(value, Secret)}
        password = urlsplit(self.database_url or "").password
        parts = {password, unquote(password)} if password else set[str]()
        with suppress(ConfigurationError):  # reported by whoever needs them
            parts |= set(self.operators().values())
        return frozenset(whole | parts)

    def operators(self) -> dict[str, str]:
        """Return the operators' tokens by name.

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
    return _with_plain_database_url(settings)


def _with_plain_database_url(settings: Settings) -> Settings:
    if settings.database_url is None:
        return settings
    found = database_url(settings.database_url)
    plain = settings.model_copy(update={"database_url": Secret(found.dsn)})
    plain._unused = found.unused  # noqa: SLF001 - this module's own
    return plain


def _known(env: Mapping[str, str]) -> dict[str, object]:
    return {name: env[name.upper()] for name in Settings.model_fields if env.get(name.upper())}


def in_languages(settings: Settings) -> dict[str, tuple[Settings, Texts]]:
    """Return, by language, the settings with that language's texts, and the texts.

    Raises:
        ConfigurationError: a file is malformed, or TEXTS_LANGUAGE has none.
    """
    found = read_texts(settings.texts_dir)
    if settings.texts_language not in found:
        known = ", ".join(sorted(found))
        raise ConfigurationError(
            f"TEXTS_LANGUAGE: no texts in {settings.texts_language!r}; there are: {known}"
        )
    return {language: (settings.in_language(language, texts), texts) for language, texts in found.items()}


def require(settings: Settings, *names: str) -> None:
    """Check that the settings a process cannot do without are set.

    Raises:
        ConfigurationError: names every missing variable in one line.
    """
    missing = [name.upper() for name in names if getattr(settings, name) is None]
    if missing:
        raise ConfigurationError(f"{', '.join(missing)}: not set; see `whatsapp-microservice doctor`")
