-- The store, beside the tables that it will replace: `conversation_partition` is to be `conversation_owner`,
-- `conversation_sends` `conversation_send`, `conversation_backend_posts` `conversation_backend_post`.
-- Times here have a zone; those of the contract's tables are UTC without one.

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

-- Writes that removed their actor, for the same question. conversation_id: whose log is still to go, once it is published.
CREATE TABLE conversation_removal (
  write_id UUID PRIMARY KEY,
  conversation_id INTEGER,
  partition INTEGER NOT NULL,
  removed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX conversation_removal_unpublished ON conversation_removal (partition) WHERE conversation_id IS NOT NULL;

-- What happened: numbered without gaps in its conversation. sequence: the order of its partition, for publication.
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

-- Ids of turns, which need no table any more.
CREATE SEQUENCE conversation_turn_number;

-- Room in each page, so that a report that reaches a message need not touch its six indexes.
ALTER TABLE conversation_messages SET (fillfactor = 80);
ALTER TABLE conversation_state SET (fillfactor = 80);
