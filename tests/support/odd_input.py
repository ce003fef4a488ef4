"""Texts that programs trip over, and where to put them into a request, for properties over HTTP."""

from hypothesis import strategies as st

from tests.support.gateway import NUMBER

# Word lists.
API = (
    "/api/conversations/{}",
    "/api/conversations/{}/media/{}/{}",
    "/api/dead-letters",
    "/api/dead-letters/{}",
    "/api/stats",
    "/api/{}",
)
PAGES = (
    "/ops",
    "/ops/conversations",
    "/ops/conversations/{}",
    "/ops/conversations/{}/export.json",
    "/ops/conversations/{}/media/{}/{}",
    "/ops/campaigns",
    "/ops/campaigns/{}",
    "/ops/campaigns/{}/campaign.csv",
    "/ops/campaigns/{}/days.svg",
    "/ops/suppressed",
    "/ops/dead-letters",
    "/ops/dead-letters/{}",
    "/ops/open/{}",
    "/ops/charts/{}.svg",
    "/ops/sign-in",
    "/ops/{}",
)
_NAMES = (
    "limit",
    "before",
    "q",
    "status",
    "shown",
    "state",
    "reason",
    "topic",
    "number",
    "since",
    "day",
    "batch_id",
    "group_id",
    "back",
    "other",
)
_FIELDS = (
    "command",
    "command_id",
    "by",
    "text",
    "content_sid",
    "content_variables",
    "agent_id",
    "reason",
    "seen",
    "ids",
    "all",
    "value_base64",
    "rate",
    "at",
)
HEADERS = (
    "X-Request-Id",
    "traceparent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Accept-Language",
    "Cookie",
    "Range",
    "X-Service-Token",
    "X-Twilio-Signature",
    "ElevenLabs-Signature",
    "Content-Length",
    "Content-Encoding",
    "Expect",
)
_ODD = (
    "000500999999",
    "9223372036854775808",
    "-1",
    "1e400",
    "NaN",
    "..",
    "../../x",
    "%",
    "%00",
    "%2500",
    "whatsapp:",
    "US.1",
    "US.~x",
    "0001-01-01",
    "😀",
    "٣",
    "9999-12-31T23:59:59-14:00",
    "2025-10-28T10:34:34_1",
    "active",
    "open",
    "all",
    "hour",
    "0-0",
    "7",
)
_ODDER = (
    "\x00",
    "\r\n",
    "\ufeff",
    "9" * 5000,
    NUMBER,
    f"{NUMBER} ext. 9",
    "2025-10-28 10:34:34",
    "'; DROP TABLE x; --",
)
NAMES, FIELDS = st.sampled_from(_NAMES), st.sampled_from(_FIELDS)
TEXTS = st.one_of(
    st.sampled_from(_ODD + _ODDER), st.text(max_size=30), st.integers().map(str), st.datetimes().map(str)
)
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
POSTS = ("/api/conversations/{}/commands", "/api/dead-letters/retry", "/api/dead-letters/discard")
OUTER = st.sampled_from(("recipient", "call_metadata", "agent_id", "batch_id", "agent_name"))
INNER = st.sampled_from(("phone_number", "conversation_id", "id", "status", "client_name", "client_id"))
FORMS = ("/ops/language", "/ops/sign-in", "/ops/conversations/{}/commands", "/ops/dead-letters")
FORM_FIELDS = st.sampled_from(("back", "token", "language", "csrf", "id", "seen"))
WEBHOOKS = ("/webhook/twilio/incoming", "/webhook/twilio/status", "/webhook/twilio/status?mid=%00")
PARAMETERS = st.sampled_from(
    (
        "MessageSid",
        "From",
        "To",
        "Body",
        "NumMedia",
        "FlowData",
        "MessageStatus",
        "OriginalRepliedMessageSid",
        "WaId",
    )
)
KINDS = ("application/json", "application/x-www-form-urlencoded", "", "x")
