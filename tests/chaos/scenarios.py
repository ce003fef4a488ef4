"""The rows of the table: what is broken under which load, and what is required beside the promise itself."""

from tests.chaos import (
    addresses,
    codecs,
    failover_faults,
    faults,
    machine_faults,
    odd_clients,
    partition_faults,
    poison,
    pooler,
    pooler_faults,
    replay_faults,
    soak,
    vendor_faults,
)
from tests.chaos.scenario import Load, Scenario
from tests.chaos.vendors import Chance
from tests.chaos.world import DEFAULTS

# The session time-out (6 s) + 10 s; 15 s in all is the aim. Who leaves in good order is missed for less.
_AFTER_KILL = 16.0
# A client's own patience with a reconnect after an outage that is over.
_AFTER_OUTAGE = 20.0
# From the end of a vendor's outage to the median answer to what was written in it, and to the 99th of a hundred: the wait
# for the next probe (5 s), and 500 clients' answers at what 80 sends/s leave beside those who write now.
_CAUGHT_UP = (10.0, 20.0)
# Some 24,000 messages of 500 clients wait then, two answers to each: 13 s at 80 a second, beside those who write now.
_AFTER_LONG_OUTAGE = 30.0
# All processes anew, and what had been read of twice as many partitions is read again.
_AFTER_GROWTH = 120.0
# PgBouncer tries a Postgres that refused it again after 15 s (its `server_login_retry`).
_AFTER_POOLER = _AFTER_OUTAGE + 15.0
# A number that was refused for long is tried again every 300 s.
_LONGEST_HOLD = 330.0
# Seven tries take a minute; then there is the apology and the answer to what came behind.
_UNTIL_BURIED = 75.0
# From the loss on: the backup is read back, and five commands follow, each of which takes some seconds to start.
_UNTIL_RESTORED = 60.0

# The aim for a standby or another leader that takes over.
_AFTER_FAILOVER = 15.0
_DEFAULT_RATE = {"TWILIO_MESSAGES_PER_SECOND": str(DEFAULTS.twilio_messages_per_second)}

_SLOW = {"latency_ms": 400, "spread_ms": 300}


def _unknown(share: float) -> dict[str, Chance]:
    """Accepted sends whose answer does not arrive, in three ways; as many callbacks as 2 % never come."""
    return {"accepted_500": share * 0.4, "accepted_reset": share * 0.5, "accepted_hang": share * 0.1, "no_callback": 0.02}


_watch = soak.Watch()

SCENARIOS = [
    Scenario(name="calm", breaks="nothing", times=1, elevenlabs=_SLOW),
    Scenario(
        name="kill-worker", breaks="`kill -9` of the worker", fault=faults.kill_worker, pause=20, elevenlabs=_SLOW,
        recovery=_AFTER_KILL,
    ),
    Scenario(
        name="kill-one-of-two", breaks="`kill -9` of one of two workers", fault=faults.kill_worker, pause=25, workers=2,
        elevenlabs=_SLOW, recovery=_AFTER_KILL,
    ),
    Scenario(
        name="kill-web", breaks="`kill -9` of web", fault=faults.kill_web, elevenlabs=_SLOW, may_refuse=True,
        recovery=_AFTER_KILL,
    ),
    Scenario(
        name="kill-both", breaks="`kill -9` of worker and web", fault=faults.kill_both, pause=20, elevenlabs=_SLOW,
        may_refuse=True, recovery=_AFTER_KILL,
    ),
    Scenario(
        name="fail-points", breaks="the worker dies at each step of a turn, one after the other", fault=faults.fail_point,
        times=len(faults.POINTS), pause=25, elevenlabs=_SLOW, twilio_faults={"accepted_500": 0.01}, recovery=_AFTER_KILL,
    ),
    Scenario(
        name="term-worker", breaks="SIGTERM of the worker", fault=faults.term_worker, elevenlabs=_SLOW, redelivered=0,
        recovery=_AFTER_KILL, answered=_AFTER_KILL,
    ),
    Scenario(
        name="term-web", breaks="SIGTERM of one of two web", fault=faults.term_web, webs=2, elevenlabs=_SLOW,
        may_be_down=True, recovery=_AFTER_KILL,
    ),
    Scenario(
        name="pause-worker", breaks="SIGSTOP of one of two workers for 60 s", fault=faults.pause_worker, times=2, workers=2,
        pause=20, elevenlabs=_SLOW, recovery=_AFTER_KILL,
    ),
    Scenario(
        name="join-leave", breaks="a worker joins and leaves every 10 s", fault=faults.join_and_leave, times=9, pause=10,
        elevenlabs=_SLOW, recovery=_AFTER_KILL,
    ),
    Scenario(
        name="other-addresses", breaks="a third of the clients write from an id from now on; `kill -9` of the worker",
        fault=faults.kill_worker, times=2, pause=25, elevenlabs=_SLOW, recovery=_AFTER_KILL, extra=addresses.change,
        afterwards=addresses.no_strangers,
    ),
    # 25 turns of four messages each are 100 webhooks a second, twice what the other rows have.
    Scenario(name="bursts", breaks="bursts of 3-5 while an answer is made", times=1, pause=30,
             load=Load(burst_share=1.0, turns_per_second=25.0), elevenlabs={"latency_ms": 1500, "spread_ms": 1000}),
    Scenario(name="duplicates", breaks="every webhook twice at once and up to 150 s later; each call ten times at once",
             times=1, pause=40, load=Load(copies=2, late_seconds=150.0, call_copies=10), elevenlabs=_SLOW),
    Scenario(name="kill-kafka", breaks="Kafka killed, back 3 s later", fault=faults.kill_kafka, pause=25, elevenlabs=_SLOW,
             recovery=_AFTER_OUTAGE),
    Scenario(name="freeze-kafka", breaks="Kafka frozen for 20 s", fault=faults.freeze_kafka, pause=25, elevenlabs=_SLOW,
             recovery=_AFTER_OUTAGE),
    Scenario(name="kill-postgres", breaks="Postgres killed, back 3 s later", fault=faults.kill_postgres, elevenlabs=_SLOW,
             recovery=_AFTER_OUTAGE),
    Scenario(name="freeze-postgres", breaks="Postgres frozen for 10 s", fault=faults.freeze_postgres, elevenlabs=_SLOW,
             recovery=_AFTER_OUTAGE),
    Scenario(name="cut-postgres", breaks="all connections of Postgres cut", fault=faults.cut_postgres, elevenlabs=_SLOW,
             recovery=_AFTER_OUTAGE),
    Scenario(name="postgres-failover", breaks="a standby is promoted: of a primary that may only read, of one that dies",
             fault=failover_faults.fail_over, times=2, pause=25, has_standby=True, elevenlabs=_SLOW, env=_DEFAULT_RATE,
             recovery=_AFTER_FAILOVER, caught_up=_CAUGHT_UP),
    Scenario(name="kafka-leader", breaks="the leader of three brokers killed, back 15 s later under another address",
             fault=failover_faults.kill_leader, times=2, pause=25, brokers=3, elevenlabs=_SLOW,
             env=_DEFAULT_RATE | {"TOPIC_REPLICATION_FACTOR": "3"}, recovery=_AFTER_FAILOVER, caught_up=_CAUGHT_UP),
    Scenario(name="both-away", breaks="Kafka and Postgres killed, back 10 s later", fault=faults.kafka_and_postgres_away,
             pause=25, elevenlabs=_SLOW, may_refuse=True, recovery=_AFTER_OUTAGE),
    Scenario(name="cut-off-web", breaks="one of two web never reaches Kafka", times=1, pause=40, cut_off_webs=1,
             elevenlabs=_SLOW),
    Scenario(name="twilio-unknown-2", breaks="Twilio accepts 2 % of sends without saying so; 2 % no callback", times=1,
             pause=60, elevenlabs=_SLOW, twilio_faults=_unknown(0.02)),
    Scenario(name="twilio-unknown-20", breaks="Twilio accepts 20 % of sends without saying so; list 1-9 s late, each"
             " message by itself, without order within a second", times=1, pause=40, elevenlabs=_SLOW,
             twilio={"list_lag_seconds": 1, "list_spread_seconds": 8, "list_unordered": True},
             twilio_faults=_unknown(0.2)),
    Scenario(name="twilio-refuses", breaks="Twilio says 429 to 10 %, 500 to 5 %", times=1, pause=40, elevenlabs=_SLOW,
             twilio_faults={"too_many": 0.1, "refused_500": 0.05}),
    Scenario(name="twilio-retry-after", breaks="Twilio says 429 with `Retry-After: 2` to 10 %, 500 to 5 %", times=1,
             pause=40, elevenlabs=_SLOW,
             twilio_faults={"too_many": {"probability": 0.1, "retry_after": 2}, "refused_500": 0.05}),
    Scenario(name="twilio-terminal", breaks="Twilio refuses four numbers for good, with four codes", times=1, pause=30,
             elevenlabs=_SLOW, extra=vendor_faults.doom, afterwards=vendor_faults.doom_is_told),
    Scenario(name="callbacks", breaks="10 % of callbacks early, 10 % doubled, 10 % out of order, 5 % 8 s late, 2 % never;"
             " 5 % of sends accepted without saying so", times=1, pause=40, elevenlabs=_SLOW,
             twilio_faults=_unknown(0.05) | {
                 "callback_early": 0.1, "callback_twice": 0.1, "callback_disorder": 0.1, "callback_lost": 0.02,
                 "callback_late": {"probability": 0.05, "seconds": 8}}),
    Scenario(name="number-held", breaks="three numbers refused for 10 minutes, the others go on",
             fault=vendor_faults.hold_numbers, times=1, pause=5, elevenlabs=_SLOW,
             recovery=_AFTER_KILL, stuck_seconds=_LONGEST_HOLD),
    Scenario(name="twilio-outage", breaks="Twilio says 503, 500, cuts connections, lets time-outs pass, for 15 s each",
             fault=vendor_faults.twilio_outage, times=len(vendor_faults.AWAY), pause=30,
             elevenlabs=_SLOW, env=_DEFAULT_RATE, recovery=_AFTER_OUTAGE, caught_up=_CAUGHT_UP),
    Scenario(name="twilio-outage-5min", breaks="Twilio says 503 to all for 5 minutes", times=1,
             fault=vendor_faults.long_twilio_outage, pause=60, elevenlabs=_SLOW, env=_DEFAULT_RATE,
             recovery=_AFTER_LONG_OUTAGE, caught_up=_CAUGHT_UP, waits_for_rate=True, stuck_seconds=_LONGEST_HOLD),
    Scenario(name="account-locked", breaks="Twilio refuses the account for 15 s, by reports (63112), then at once (20003)",
             fault=vendor_faults.account_locked, times=2, pause=25, elevenlabs=_SLOW, env=_DEFAULT_RATE,
             recovery=_AFTER_OUTAGE, caught_up=_CAUGHT_UP),
    Scenario(name="tier-limit", breaks="100 people are called beyond the sender's limit (63018), lifted 90 s later",
             fault=vendor_faults.tier_limit, times=1, pause=10, elevenlabs=_SLOW, env=_DEFAULT_RATE, recovery=5.0,
             stuck_seconds=180.0),
    Scenario(name="no-credits", breaks="ElevenLabs is out of credits for 15 s, told in three ways", elevenlabs=_SLOW,
             fault=vendor_faults.no_credits, pause=25, env=_DEFAULT_RATE, recovery=_AFTER_OUTAGE, caught_up=_CAUGHT_UP),
    Scenario(name="elevenlabs-trouble", breaks="the agent: 5 % 500, 2 % 429, 5 % cut mid-answer, 1 % silent", times=1,
             pause=40, elevenlabs=_SLOW,
             elevenlabs_faults={
                 "refused_500": 0.05, "socket_500": 0.05, "too_many": 0.02, "socket_429": 0.02, "cut": 0.05,
                 "silent": 0.01}),
    Scenario(name="elevenlabs-retry-after", breaks="the agent: 429 with `Retry-After: 2` to 10 %", times=1, pause=40,
             elevenlabs=_SLOW, elevenlabs_faults={"socket_429": {"probability": 0.1, "retry_after": 2}}),
    Scenario(name="elevenlabs-wrong-json", breaks="the agent: 5 % of events, 5 % of signed URLs are no JSON; 5 %"
             " of calls a proxy's page", times=1, pause=40, elevenlabs=_SLOW,
             elevenlabs_faults={"bad_event": 0.05, "url_bad_json": 0.05, "call_html": 0.05}),
    Scenario(name="elevenlabs-rest", breaks="the agent by REST: 5 % wrong JSON, 5 % 500, 5 % cut while it answers", times=1,
             pause=40, elevenlabs=_SLOW | {"rest": True},
             elevenlabs_faults={"message_bad_json": 0.05, "message_500": 0.05, "message_reset": 0.05}),
    Scenario(name="elevenlabs-hangs", breaks="2 % of the agent's answers hang for a minute", times=1, pause=60,
             elevenlabs=_SLOW, elevenlabs_faults={"hang": 0.02}),
    Scenario(name="elevenlabs-outage", breaks="ElevenLabs says 503, 500, cuts connections, lets time-outs pass, for 15 s"
             " each", fault=vendor_faults.elevenlabs_outage, times=len(vendor_faults.AWAY), pause=30,
             elevenlabs=_SLOW, env=_DEFAULT_RATE, recovery=_AFTER_OUTAGE, caught_up=_CAUGHT_UP),
    Scenario(name="elevenlabs-away", breaks="ElevenLabs says 500 to all for longer than AGENT_PATIENCE_SECONDS",
             fault=vendor_faults.elevenlabs_away, times=1, pause=30, elevenlabs=_SLOW,
             recovery=_AFTER_OUTAGE, stuck_seconds=_LONGEST_HOLD, afterwards=vendor_faults.absence_is_told),
    Scenario(name="hang-rebalance", breaks="5 % of the agent's answers hang for a minute while a worker joins and leaves",
             fault=faults.join_and_leave, times=4, pause=10, elevenlabs=_SLOW, elevenlabs_faults={"hang": 0.05},
             recovery=_AFTER_KILL),
    Scenario(name="restart-kafka", breaks="Kafka restarted in order", fault=faults.restart_kafka, pause=20,
             elevenlabs=_SLOW, recovery=_AFTER_OUTAGE),
    Scenario(name="web-down", breaks="web down for 60 s; 200 messages that only Twilio's list knows", times=1,
             fault=faults.web_down, pause=30, elevenlabs=_SLOW, may_refuse=True, recovery=_AFTER_OUTAGE),
    Scenario(name="clock", breaks="the clocks of web and worker jump by 5 minutes, ahead and back",
             fault=machine_faults.clock_jumps, times=2, pause=5, elevenlabs=_SLOW, env=machine_faults.FAKED,
             needs=machine_faults.FAKETIME, twilio_faults=_unknown(0.02), recovery=_AFTER_KILL),
    Scenario(name="disk-full", breaks="no file of the worker's can grow for 20 s", fault=machine_faults.disk_full, times=2,
             elevenlabs=_SLOW, recovery=_AFTER_KILL),
    Scenario(name="poison", breaks="poison of every kind in every topic; good records under wrong keys; odd clients; a"
             " message that the build fails on; strangers at web", times=1, pause=_UNTIL_BURIED,
             fault=poison.poison, extra=poison.prepare, elevenlabs=_SLOW, afterwards=poison.all_buried,
             worker_module="tests.chaos.failing_worker", env=odd_clients.ENV, answered=5.0, recovery=_AFTER_KILL),
    Scenario(name="compressed", breaks="topics kept in gzip, snappy, lz4, zstd by turns; others' producers send in each",
             fault=codecs.compress, times=4, pause=8, elevenlabs=_SLOW, afterwards=codecs.all_read),
    Scenario(name="pooler", breaks="PgBouncer (4 sessions, transactions) before Postgres; it, the worker and Postgres"
             " killed", fault=pooler_faults.around_the_pooler, pause=25, pooled=True, needs=pooler.FILE, elevenlabs=_SLOW,
             recovery=_AFTER_POOLER),
    Scenario(name="replay", breaks="every input replayed twice at once; the tables remade beside and compared", times=2,
             fault=replay_faults.replay_under_load, elevenlabs=_SLOW),
    Scenario(name="replay-killed", breaks="a replay killed midway and gone on with", times=2,
             fault=replay_faults.replay_killed, elevenlabs=_SLOW),
    Scenario(name="partitions-grow", breaks="topics get 16 partitions; `repartition`, and all processes anew", times=1,
             fault=partition_faults.grow, pause=30, webs=2, workers=2, elevenlabs=_SLOW,
             may_refuse=True, recovery=_AFTER_GROWTH),
    Scenario(name="restore", breaks="Postgres and worker lost; a backup 15 s old, caught up from the log", times=1,
             fault=replay_faults.restore_backup, pause=40, elevenlabs=_SLOW,
             may_refuse=True, recovery=_UNTIL_RESTORED),
    Scenario(name="backlog", breaks="calls and messages of 2,000 numbers before the worker starts", times=1, backlog=True,
             load=Load(numbers=2000), pause=5),
    # Its messages wait already; five turns a second show that who writes meanwhile is not forgotten.
    Scenario(name="backlog-100k", breaks="100,000 messages of 5,000 numbers before the worker starts", times=1,
             backlog=True, produced=100_000, load=Load(numbers=5000, turns_per_second=5.0, warm_up=1.0), pause=5,
             extra=_watch.begin, afterwards=_watch.lean),
]  # fmt: skip
SOAK = Scenario(
    name="soak", breaks="a fault of the table every 5-40 s, chosen by chance; both vendors in trouble all the time",
    fault=soak.some_fault, times=1, webs=2, workers=2, elevenlabs=_SLOW, may_refuse=True,
    twilio_faults=_unknown(0.01) | {"too_many": 0.02, "refused_500": 0.01},
    elevenlabs_faults={"refused_500": 0.02, "cut": 0.01, "silent": 0.002}, extra=_watch.begin, afterwards=_watch.end,
)  # fmt: skip
"""Not part of the table: `make chaos SOAK=30`."""
