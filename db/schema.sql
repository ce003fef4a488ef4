-- The schema as it is, for whoever reads it. Nothing runs this file: the way there is `migrations/`, and
-- tests/integration/test_schema.py fails where the two differ.
--
-- Times are UTC: without a zone in the contract's tables and in older ones of ours, with one in the store's.

-- ---------------------------------------------------------------------------------------------------------------------
-- The contract's two tables: projections of the log. They may have been here before us, with rows and columns of the
-- backend's own, so only what changed is written.

-- address: where the client wrote from last, or was called. escalated_at: since when no person has done anything for a
-- conversation that a person looks after.
CREATE TABLE conversation_state (
  id SERIAL PRIMARY KEY,
  phone_number VARCHAR(50) UNIQUE NOT NULL,
  client_name VARCHAR(255),
  elevenlabs_conversation_id VARCHAR(255) NOT NULL,
  agent_id VARCHAR(255) NOT NULL,
  batch_id VARCHAR(255),
  recipient_id VARCHAR(255),
  status VARCHAR(50) DEFAULT 'active',
  call_summary TEXT,
  call_duration_secs INTEGER,
  started_at TIMESTAMP DEFAULT now(),
  last_message_at TIMESTAMP DEFAULT now(),
  closed_at TIMESTAMP,
  message_count INTEGER DEFAULT 0,
  metadata JSONB DEFAULT '{}',
  address VARCHAR(255),
  last_inbound_at TIMESTAMP,
  escalated_at TIMESTAMP
) WITH (fillfactor = 80);
CREATE INDEX idx_conversation_state_phone ON conversation_state (phone_number);
CREATE INDEX idx_conversation_state_elevenlabs_conv_id ON conversation_state (elevenlabs_conversation_id);
CREATE INDEX idx_conversation_state_status ON conversation_state (status);
-- Calls whose summary or duration is still missing; most rows have both.
CREATE INDEX conversation_state_without_details ON conversation_state (started_at)
  WHERE call_summary IS NULL OR call_duration_secs IS NULL;
-- The campaigns of a time, and the conversations of a campaign.
CREATE INDEX conversation_state_started ON conversation_state (started_at) WHERE batch_id IS NOT NULL;
CREATE INDEX conversation_state_batch ON conversation_state (batch_id, started_at, id);

-- Room in each page (of both), so that a report that reaches a message need not touch its indexes.
CREATE TABLE conversation_messages (
  id SERIAL PRIMARY KEY,
  conversation_id INTEGER REFERENCES conversation_state(id) ON DELETE CASCADE,
  direction VARCHAR(20) NOT NULL CHECK (direction IN ('inbound', 'outbound')),
  content TEXT NOT NULL,
  twilio_message_id VARCHAR(255),
  elevenlabs_response JSONB,
  sent_at TIMESTAMP DEFAULT now(),
  delivered_at TIMESTAMP,
  read_at TIMESTAMP,
  metadata JSONB DEFAULT '{}'
) WITH (fillfactor = 80);
CREATE INDEX idx_conversation_messages_conversation_id ON conversation_messages (conversation_id);
CREATE INDEX idx_conversation_messages_direction ON conversation_messages (direction);
CREATE INDEX idx_conversation_messages_sent_at ON conversation_messages (sent_at);
-- The newest messages of one conversation, at a cost that does not grow with its length.
CREATE INDEX idx_conversation_messages_newest ON conversation_messages (conversation_id, id);
CREATE INDEX idx_conversation_messages_twilio_id ON conversation_messages (twilio_message_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- The store: what conversations' owners write, all of it in one statement (sql/store_append.sql).

-- Who owns a partition. Every write locks its row FOR SHARE and checks the epoch, so a claim waits for writes under way.
CREATE TABLE conversation_partition (
  partition INTEGER PRIMARY KEY,
  epoch BIGINT NOT NULL,
  owner TEXT NOT NULL,
  claim_id UUID NOT NULL,
  claimed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Up to which sequence Kafka has acknowledged a partition's events. Apart from the owner's row, which is locked by writes
-- all the time.
CREATE TABLE conversation_publication (
  partition INTEGER PRIMARY KEY,
  sequence BIGINT NOT NULL
);

-- What happened, the truth: numbered without gaps in its conversation. sequence: the order of its partition, for
-- publication.
CREATE TABLE conversation_log (
  conversation_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  phone_number TEXT NOT NULL,
  partition INTEGER NOT NULL,
  sequence BIGINT NOT NULL,
  type TEXT NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  data JSONB NOT NULL,
  PRIMARY KEY (conversation_id, number)
);
CREATE UNIQUE INDEX conversation_log_sequence ON conversation_log (partition, sequence);
-- Turns as they ended, for the figures of a day: the last message of each, and failures.
CREATE INDEX conversation_log_ended ON conversation_log (at)
  WHERE type IN ('failed', 'unanswered', 'declined') OR (type = 'sent' AND (data->'data'->>'is_last')::boolean);
-- Calls of a day.
CREATE INDEX conversation_log_started ON conversation_log (at) WHERE type = 'started';
CREATE INDEX conversation_log_failed ON conversation_log (at) WHERE type = 'failed';

-- One actor a number: all that its next decision needs. version: how many writes it has had, each of which names the one
-- before. write_id: of the last one, so that a commit whose acknowledgement was lost is known again.
-- is_open: something is to be done without any new event. due_at: when it is to be looked at again.
CREATE TABLE conversation_actor (
  phone_number TEXT PRIMARY KEY,
  partition INTEGER NOT NULL,
  conversation_id INTEGER,
  version INTEGER NOT NULL,
  write_id UUID NOT NULL,
  state JSONB NOT NULL,
  is_open BOOLEAN NOT NULL,
  due_at TIMESTAMPTZ
) WITH (fillfactor = 50);
CREATE INDEX conversation_actor_open ON conversation_actor (partition, phone_number) WHERE is_open;
CREATE INDEX conversation_actor_due ON conversation_actor (partition, due_at, phone_number) WHERE due_at IS NOT NULL;

-- What is open in each conversation, for readers. since: when the oldest of it came; held_until: when it goes on by
-- itself, null or past: it is under way.
CREATE VIEW conversation_open AS
SELECT phone_number, conversation_id, partition, due_at,
  CASE WHEN state ? 'turn' THEN state->'turn'->>'kind' WHEN state->'inbox'->0->>'kind' = 'message' THEN 'reply'
       WHEN state ? 'inbox' THEN state->'inbox'->0->>'kind' ELSE 'again' END AS kind,
  CASE WHEN NOT coalesce((state->>'has_begun')::boolean, false) THEN 'parked'
       WHEN state->'turn' ? 'parts' THEN 'answered' ELSE 'begun' END AS state,
  least((state->'inbox'->0->>'at')::timestamptz, coalesce(state->'turn'->>'asked_at', state->'turn'->>'began_at')::timestamptz,
        (state->'came_back'->0->>'since')::timestamptz) AS since,
  greatest((state->'turn'->'wait'->>'until')::timestamptz,
           (jsonb_path_query_first(state, '$.turn.parts[*].wait.until') #>> '{}')::timestamptz,
           CASE WHEN NOT state ? 'turn' THEN coalesce((state->'ask_wait'->>'until')::timestamptz,
                                                      (state->'came_back'->0->>'due')::timestamptz) END) AS held_until,
  jsonb_array_length(coalesce(state->'inbox', '[]')) AS inputs,
  (jsonb_path_query_first(state, '$.turn.parts[*].tries') #>> '{}')::int AS tries
FROM conversation_actor WHERE is_open AND state ?| ARRAY['turn', 'inbox', 'behind', 'came_back'];

-- Writes that removed their actor, so that a lost acknowledgement is told from somebody else's write. conversation_id:
-- whose log is still to go, once it is published.
CREATE TABLE conversation_removal (
  write_id UUID PRIMARY KEY,
  conversation_id INTEGER,
  partition INTEGER NOT NULL,
  removed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX conversation_removal_unpublished ON conversation_removal (partition) WHERE conversation_id IS NOT NULL;

-- Every outgoing message, by our own id and by the vendor's (sid).
CREATE TABLE conversation_sends (
  own_id UUID PRIMARY KEY,
  phone_number TEXT NOT NULL,
  conversation_id INTEGER NOT NULL,
  turn_id BIGINT NOT NULL,
  turn_kind TEXT NOT NULL,
  part INTEGER NOT NULL,
  to_address TEXT NOT NULL,
  body TEXT NOT NULL,
  content JSONB,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  sid TEXT,
  status TEXT,
  rank INTEGER NOT NULL DEFAULT -1,
  error_code TEXT,
  message_id INTEGER,
  planned_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  intended_at TIMESTAMPTZ,
  accepted_at TIMESTAMPTZ,
  delivered_at TIMESTAMPTZ,
  read_at TIMESTAMPTZ,
  came_back BOOLEAN NOT NULL DEFAULT false,
  times INTEGER NOT NULL DEFAULT 0,
  origin_turn BIGINT,
  origin_part INTEGER
) WITH (fillfactor = 70);
CREATE INDEX conversation_sends_sid ON conversation_sends (sid) WHERE sid IS NOT NULL;
CREATE INDEX conversation_sends_number ON conversation_sends (phone_number);
CREATE INDEX conversation_sends_failed ON conversation_sends (conversation_id) WHERE state IN ('refused', 'held');

-- Ids of events that were taken up, of all conversations: a write that repeats one is refused. phone_number is empty once
-- the number is erased. outcome: for whoever waits for it over HTTP.
CREATE TABLE conversation_seen (
  kind TEXT NOT NULL,
  event_id TEXT NOT NULL,
  phone_number TEXT NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  outcome JSONB,
  PRIMARY KEY (kind, event_id)
);
-- They are forgotten by their age.
CREATE INDEX conversation_seen_at ON conversation_seen (at);
CREATE INDEX conversation_seen_number ON conversation_seen (phone_number) WHERE phone_number <> '';

-- What the backend is to be told by HTTP, in the order of its number, until it has taken it.
CREATE TABLE conversation_backend_posts (
  conversation_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  phone_number TEXT NOT NULL,
  payload JSONB NOT NULL,
  PRIMARY KEY (conversation_id, number)
);
CREATE INDEX conversation_backend_posts_number ON conversation_backend_posts (phone_number);

-- Ids of turns, which have no table.
CREATE SEQUENCE conversation_turn_number;

-- Who asked for no more messages. Kept when the number's conversation is erased: it is what keeps us silent.
-- event_id: the message, or Twilio's error code, that caused it.
CREATE TABLE conversation_suppression (
  phone_number VARCHAR(50) PRIMARY KEY,
  source TEXT NOT NULL CHECK (source IN ('client', 'twilio', 'operator')),
  event_id VARCHAR(255) NOT NULL,
  since TIMESTAMP NOT NULL
);

-- Numbers that were erased, by a keyed digest of the canonical number (db/store/erasures.py): no replay and no rebuild from
-- the log brings anything back that happened before.
CREATE TABLE conversation_erasure (
  number_digest TEXT PRIMARY KEY,
  erased_at TIMESTAMP NOT NULL
);

-- The digests' key, one row: who sees only the digests cannot try all numbers.
CREATE TABLE conversation_erasure_key (
  id BOOLEAN PRIMARY KEY DEFAULT true CHECK (id),
  key BYTEA NOT NULL
);

-- When a campaign's next first message may begin.
CREATE TABLE conversation_campaign (
  batch_id VARCHAR(255) PRIMARY KEY,
  next_at TIMESTAMP NOT NULL
);

-- ---------------------------------------------------------------------------------------------------------------------
-- The gateway's: what `web` keeps.

-- What was accepted while Kafka did not answer; published in order of id, per key. trace: the `traceparent` in which it came.
CREATE TABLE conversation_spool (
  id BIGSERIAL PRIMARY KEY,
  topic TEXT NOT NULL,
  key TEXT NOT NULL,
  value BYTEA NOT NULL,
  request_id TEXT,
  spooled_at TIMESTAMP NOT NULL DEFAULT now(),
  trace TEXT
);
CREATE INDEX conversation_spool_key ON conversation_spool (key);

-- Until when all that a vendor got for us is known to be fetched. Looks overlap, so that a list that lags loses nothing.
-- begun_at: our first start; what the vendor got before is nobody's gap.
CREATE TABLE conversation_backfill (
  vendor TEXT PRIMARY KEY,
  begun_at TIMESTAMP NOT NULL DEFAULT now(),
  checked_until TIMESTAMP NOT NULL,
  looked_at TIMESTAMP NOT NULL DEFAULT now()
);

-- An index of the topic `dead-letter` and of turns that failed for good: what somebody must act on. It can be made again.
-- id: PARTITION-OFFSET of the letter's record, or turn-ID. closed: {action, by, reason, at}. mentions: digests of the numbers
-- that its bytes tell of; null: nobody has looked yet.
CREATE TABLE conversation_dead_letter (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'retried', 'discarded', 'resolved')),
  topic TEXT NOT NULL,
  source_partition INTEGER NOT NULL,
  source_offset BIGINT NOT NULL,
  phone_number VARCHAR(255),
  reason TEXT NOT NULL,
  details TEXT NOT NULL,
  tries INTEGER NOT NULL,
  key BYTEA,
  value BYTEA,
  digest TEXT,
  buried_at TIMESTAMP NOT NULL,
  closed_at TIMESTAMP,
  closed JSONB,
  mentions TEXT[]
);
CREATE INDEX conversation_dead_letter_open ON conversation_dead_letter (buried_at, id) WHERE state = 'open';
CREATE INDEX conversation_dead_letter_digest ON conversation_dead_letter (digest);

-- How far the topic is indexed.
CREATE TABLE conversation_dead_letter_position (
  partition INTEGER PRIMARY KEY,
  next_offset BIGINT NOT NULL
);

-- Which operators have a conversation open, as every web process tells the others. It is true for half a minute only, so
-- it may be lost with a crash and costs no log.
CREATE UNLOGGED TABLE conversation_presence (
  phone_number VARCHAR(50) NOT NULL,
  operator VARCHAR(255) NOT NULL,
  seen_at TIMESTAMP NOT NULL,
  PRIMARY KEY (phone_number, operator)
);

-- Operators' sessions that ended before their time, by a random id of theirs: a copy of their cookie must not open a page
-- of any web process. A row can go when the session would have ended anyway.
CREATE TABLE conversation_ended_session (
  id VARCHAR(64) PRIMARY KEY,
  ends_at TIMESTAMP NOT NULL
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Replays and rebuilds.

-- Replays, so that an interrupted one goes on where it was, and one that is done is not done again by accident.
-- positions: the next offset by partition.
CREATE TABLE conversation_replay (
  id TEXT PRIMARY KEY,
  topic TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('resume', 'again')),
  options JSONB NOT NULL,
  state TEXT NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'done')),
  positions JSONB NOT NULL DEFAULT '{}',
  published INTEGER NOT NULL DEFAULT 0,
  begun_at TIMESTAMP NOT NULL DEFAULT now(),
  ended_at TIMESTAMP
);

-- When the tables were made again from the log, or a backup was caught up: what was sent for events older than this may
-- be unknown to the store, so Twilio's list is asked before each send for them.
CREATE TABLE conversation_restore (
  restored_at TIMESTAMP PRIMARY KEY
);

-- ---------------------------------------------------------------------------------------------------------------------
-- The schema's version, and what turns builds before 0024 away.

CREATE TABLE whatsapp_microservice_schema (
  version_num VARCHAR(32) CONSTRAINT whatsapp_microservice_version_pkc PRIMARY KEY
);

-- Where such a build looks for the version when it starts, or migrates. It calls a database that "does not exist" a wrong
-- DATABASE_URL, says so in one line, and ends with code 2. (SQL has no other way to refuse with words.)
CREATE VIEW whatsapp_microservice_version AS SELECT CASE WHEN has_database_privilege(
    'of this build: a newer one has migrated it, start that one', 'CONNECT') THEN '' END AS version_num;

-- What one that runs on calls is told that its partition has another owner: it acknowledges nothing, and ends.
CREATE FUNCTION wm_begin_call(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_begin_reply(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_begin_again(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_begin_command(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_reopen(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_repeat(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_park(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_adopt(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_answer(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_intend(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_accept(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_hold(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_fail(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_own(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_report(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_stop_arrived(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
