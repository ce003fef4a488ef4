"""A worker's metrics. Labels hold no phone numbers, and no values that grow in number without bound.

Labels of what is counted per message are looked up once: a look-up costs ten times as much as counting.
"""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from schemas.models import TAKEN_UP
from schemas.twilio_codes import template_codes

# A step takes milliseconds, an agent seconds; up to the longest patience of a turn.
_STEP_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_TURN_BUCKETS = (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 300)

_TURNS = Histogram(
    "whatsapp_turn_seconds",
    "Turns by kind and outcome: done, failed, held.",
    ["kind", "outcome"],
    buckets=_TURN_BUCKETS,
)
_STEPS = Histogram(
    "whatsapp_step_seconds", "Groups that the store loads or writes.", ["step"], buckets=_STEP_BUCKETS
)
_RECONCILIATIONS = Counter(
    "whatsapp_reconciliations", "Sends of unknown outcome, by what was found out.", ["found"]
)
_UNDELIVERED = Counter(
    "whatsapp_undelivered",
    "Messages that the vendor took and then reported as failed, and that are not sent again, by its code.",
    ["code"],
)
RETRIES = Counter("whatsapp_retries", "Attempts after the first, of vendors' calls.")
REDELIVERIES = Counter("whatsapp_redeliveries", "Events that had been taken up before.")
AHEAD = Counter(
    "whatsapp_messages_ahead", "Messages that were handed over before those that wait from an outage."
)
REBALANCES = Counter("whatsapp_rebalances", "Assignments of partitions to this worker.")
DEAD_LETTERS = Counter("whatsapp_dead_letters", "Events that became dead letters.", ["topic"])
CONTRADICTIONS = Counter("whatsapp_contradicted_addresses", "Addresses that were told of with two numbers.")
MAILBOXES = Gauge("whatsapp_mailboxes", "Numbers for which something is being done.")
IN_FLIGHT = Gauge(
    "whatsapp_in_flight", "Effects under way: what vendors, the agent and the backend are asked."
)
WINDOW = Gauge("whatsapp_window_events", "Fetched and unfinished events.", ["topic"])
OLDEST = Gauge("whatsapp_oldest_event_seconds", "Age of the oldest fetched and unfinished event.", ["topic"])
BEHIND = Gauge("whatsapp_events_behind", "Events that wait: in Kafka, or between their fetch and their end.")
UNPUBLISHED = Gauge(
    "whatsapp_events_unpublished", "Events in the log, and under way to it, that Kafka does not have."
)
PROGRESS = Gauge(
    "whatsapp_seconds_since_progress", "Since anything moved; declared pauses count as progress."
)
PARTITIONS = Gauge("whatsapp_partitions_owned", "Partitions that this worker owns.")
STOPPED = Gauge(
    "whatsapp_partitions_stopped", "Partitions that stand still: the same failure met many of their numbers."
)
LOST_OFFSETS = Gauge(
    "whatsapp_lost_offsets",
    "Partitions whose committed offset the log had no more, since this worker started.",
    ["topic"],
)
REFUSED = Gauge(
    "whatsapp_account_refused",
    "1 while a vendor refuses our account, or our sender's first messages.",
    ["vendor", "scope"],
)
REFUSALS = (("twilio", "account"), ("twilio", "first_messages"), ("elevenlabs", "account"))
PAUSED = Gauge("whatsapp_vendor_paused", "1 while the vendor is left alone because it is away.", ["vendor"])


turn_took = cache(_TURNS.labels)
step_took = cache(_STEPS.labels)
# A rate over a series that begins with 1 is 0: what alerts look for is there before it first happens.
for _topic in TAKEN_UP:
    DEAD_LETTERS.labels(_topic)
for _code in template_codes():
    _UNDELIVERED.labels(_code)

reconciled = cache(_RECONCILIATIONS.labels)
undelivered = cache(_UNDELIVERED.labels)
