-- The pieces of the one statement that writes conversations (`db/store/statement.py` puts together those for which there
-- is something to write; `:name` is an argument, an array each). Everything hangs on `written`: the conversations whose
-- actor advanced from the expected version. What is looked at beforehand is looked at in the statement's snapshot; whoever
-- came between raises a unique violation, and the statement is done again.

-- name: writes
-- `owned` locks the owners' rows in their order and finds the newest epoch, also where it had to wait for a claim.
-- `admitted` keeps the order of the arguments, that of the numbers, in which actors are locked.
WITH writes AS MATERIALIZED (
  SELECT n.place, (:key::text[])[i] AS phone_number, (:partition::int[])[i] AS partition,
    (:epoch::bigint[])[i] AS epoch, (:version::int[])[i] AS version, (:write_id::uuid[])[i] AS write_id,
    (:conversation::int[])[i] AS conversation_id, (:state::text[])[i] AS state, (:is_open::bool[])[i] AS is_open,
    (:due_at::timestamptz[])[i] AS due_at
  FROM unnest(:place::int[]) WITH ORDINALITY AS n(place, i)
), owned AS MATERIALIZED (
  SELECT partition, epoch FROM conversation_partition WHERE partition = ANY(:partition::int[]) ORDER BY partition FOR SHARE
), admitted AS MATERIALIZED (
  SELECT * FROM writes w WHERE epoch = (SELECT o.epoch FROM owned o WHERE o.partition = w.partition)

-- name: refuse_seen
AND w.place <> ALL (ARRAY(
    SELECT n.place FROM unnest(:seen_place::int[]) WITH ORDINALITY AS n(place, i)
    JOIN conversation_seen s ON s.kind = (:seen_kind::text[])[i] AND s.event_id = (:seen_event_id::text[])[i]))

-- name: refuse_foreign_rows
-- A new conversation meets a row of its number that somebody else has made.
AND w.place <> ALL (ARRAY(
    SELECT n.place FROM writes n JOIN conversation_state s USING (phone_number)
    WHERE n.version = 0 AND n.state IS NOT NULL AND s.id IS DISTINCT FROM n.conversation_id))

-- name: advanced
UPDATE conversation_actor a SET partition = w.partition, conversation_id = w.conversation_id, version = w.version + 1,
    write_id = w.write_id, state = w.state::jsonb, is_open = w.is_open, due_at = w.due_at
  FROM admitted w WHERE a.phone_number = w.phone_number AND a.version = w.version AND w.state IS NOT NULL
  RETURNING w.place, w.phone_number, w.partition, w.conversation_id, w.write_id

-- name: opened
INSERT INTO conversation_actor (phone_number, partition, conversation_id, version, write_id, state, is_open, due_at)
  SELECT w.phone_number, w.partition, w.conversation_id, 1, w.write_id, w.state::jsonb, w.is_open, w.due_at
  FROM admitted w WHERE w.version = 0 AND w.state IS NOT NULL
    AND NOT EXISTS (SELECT FROM conversation_actor a WHERE a.phone_number = w.phone_number)
  RETURNING phone_number

-- name: removed
DELETE FROM conversation_actor a USING admitted w
  WHERE a.phone_number = w.phone_number AND a.version = w.version AND w.state IS NULL
  RETURNING w.place, w.phone_number, w.partition, w.conversation_id, w.write_id

-- name: absent
-- Nothing was there, and nothing is to be.
SELECT w.place, w.phone_number, w.partition, w.conversation_id, w.write_id
  FROM admitted w WHERE w.version = 0 AND w.state IS NULL
    AND NOT EXISTS (SELECT FROM conversation_actor a WHERE a.phone_number = w.phone_number)

-- name: written_advanced
SELECT * FROM advanced

-- name: written_opened
SELECT w.place, w.phone_number, w.partition, w.conversation_id, w.write_id FROM opened JOIN writes w USING (phone_number)

-- name: written_removed
SELECT * FROM removed UNION ALL SELECT * FROM absent

-- name: remembered_removals
INSERT INTO conversation_removal (write_id, conversation_id, partition)
  SELECT write_id, conversation_id, partition FROM (SELECT * FROM removed UNION ALL SELECT * FROM absent) w

-- name: logged
INSERT INTO conversation_log (conversation_id, number, phone_number, partition, sequence, type, at, data)
  SELECT w.conversation_id, (:log_number::int[])[i], w.phone_number, w.partition, (:log_sequence::bigint[])[i],
    (:log_type::text[])[i], (:log_at::timestamptz[])[i], (:log_data::jsonb[])[i]
  FROM unnest(:log_place::int[]) WITH ORDINALITY AS n(place, i) JOIN written w USING (place)

-- name: seen
INSERT INTO conversation_seen (kind, event_id, phone_number, at, outcome)
  SELECT (:seen_kind::text[])[i], (:seen_event_id::text[])[i], (:seen_number::text[])[i], (:seen_at::timestamptz[])[i],
    (:seen_outcome::jsonb[])[i]
  FROM unnest(:seen_place::int[]) WITH ORDINALITY AS n(place, i) JOIN written w USING (place)
  ORDER BY 1, 2

-- name: outcomes
-- An event of an erased number keeps its bare id.
UPDATE conversation_seen s SET outcome = n.outcome, phone_number = CASE WHEN n.is_erased THEN '' ELSE s.phone_number END
  FROM unnest(:outcome_place::int[], :outcome_kind::text[], :outcome_event_id::text[], :outcome_value::jsonb[],
    :outcome_is_erased::bool[]) AS n(place, kind, event_id, outcome, is_erased)
  JOIN written USING (place) WHERE s.kind = n.kind AND s.event_id = n.event_id

-- name: notified
SELECT pg_notify(n.kind || '_outcome', n.event_id)
  FROM unnest(:notify_place::int[], :notify_kind::text[], :notify_event_id::text[]) AS n(place, kind, event_id)
  JOIN written USING (place)

-- name: conversations
-- edit: of the metadata: keys that are removed, then values that are set, then calls that are appended; null: none
SELECT (:row_id::int[])[i] AS id, (:row_number::text[])[i] AS phone_number, (:row_columns::jsonb[])[i] AS columns,
    (:row_edit::jsonb[])[i] AS edit, (:row_messages::int[])[i] AS messages
  FROM unnest(:row_place::int[]) WITH ORDINALITY AS n(place, i) JOIN written w USING (place)

-- name: changed_conversations
-- Column by column, so that whatever else the row has, or somebody else writes, survives.
UPDATE conversation_state s SET
    client_name = CASE WHEN n.columns ? 'client_name' THEN n.columns->>'client_name' ELSE s.client_name END,
    elevenlabs_conversation_id = CASE WHEN n.columns ? 'elevenlabs_conversation_id'
      THEN n.columns->>'elevenlabs_conversation_id' ELSE s.elevenlabs_conversation_id END,
    agent_id = CASE WHEN n.columns ? 'agent_id' THEN n.columns->>'agent_id' ELSE s.agent_id END,
    batch_id = CASE WHEN n.columns ? 'batch_id' THEN n.columns->>'batch_id' ELSE s.batch_id END,
    recipient_id = CASE WHEN n.columns ? 'recipient_id' THEN n.columns->>'recipient_id' ELSE s.recipient_id END,
    status = CASE WHEN n.columns ? 'status' THEN n.columns->>'status' ELSE s.status END,
    call_summary = CASE WHEN n.columns ? 'call_summary' THEN n.columns->>'call_summary' ELSE s.call_summary END,
    call_duration_secs = CASE WHEN n.columns ? 'call_duration_secs'
      THEN (n.columns->>'call_duration_secs')::int ELSE s.call_duration_secs END,
    started_at = CASE WHEN n.columns ? 'started_at' THEN (n.columns->>'started_at')::timestamp ELSE s.started_at END,
    last_message_at = CASE WHEN n.columns ? 'last_message_at'
      THEN (n.columns->>'last_message_at')::timestamp ELSE s.last_message_at END,
    closed_at = CASE WHEN n.columns ? 'closed_at' THEN (n.columns->>'closed_at')::timestamp ELSE s.closed_at END,
    address = CASE WHEN n.columns ? 'address' THEN n.columns->>'address' ELSE s.address END,
    last_inbound_at = CASE WHEN n.columns ? 'last_inbound_at'
      THEN (n.columns->>'last_inbound_at')::timestamp ELSE s.last_inbound_at END,
    escalated_at = CASE WHEN n.columns ? 'escalated_at'
      THEN (n.columns->>'escalated_at')::timestamp ELSE s.escalated_at END,
    message_count = coalesce(s.message_count, 0) + n.messages,
    metadata = CASE WHEN n.edit IS NULL THEN s.metadata
      ELSE (coalesce(s.metadata, '{}') - ARRAY(SELECT jsonb_array_elements_text(n.edit->'remove'))) || (n.edit->'set')
        || CASE WHEN n.edit->'calls' = '[]' THEN '{}' ELSE jsonb_build_object('calls', coalesce(n.edit->'set'->'calls',
             CASE WHEN n.edit->'remove' ? 'calls' THEN NULL ELSE s.metadata->'calls' END, '[]') || (n.edit->'calls')) END END
  FROM conversations n WHERE s.id = n.id RETURNING s.id

-- name: made_conversations
-- Also where somebody removed the row: what a change does not say is then as the defaults have it.
INSERT INTO conversation_state (id, phone_number, client_name, elevenlabs_conversation_id, agent_id, batch_id,
    recipient_id, status, call_summary, call_duration_secs, started_at, last_message_at, closed_at, address,
    last_inbound_at, escalated_at, message_count, metadata)
  SELECT n.id, n.phone_number, r.client_name, r.elevenlabs_conversation_id, r.agent_id, r.batch_id, r.recipient_id,
    r.status, r.call_summary, r.call_duration_secs, coalesce(r.started_at, now()::timestamp),
    coalesce(r.last_message_at, now()::timestamp), r.closed_at, r.address, r.last_inbound_at, r.escalated_at, n.messages,
    CASE WHEN n.edit IS NULL THEN '{}' ELSE (n.edit->'set') || CASE WHEN n.edit->'calls' = '[]' THEN '{}'
      ELSE jsonb_build_object('calls', coalesce(n.edit->'set'->'calls', '[]') || (n.edit->'calls')) END END
  FROM (SELECT * FROM conversations WHERE id <> ALL (ARRAY(SELECT id FROM changed_conversations)) OFFSET 0) n,
    jsonb_to_record(:row_defaults::jsonb || n.columns) AS r(client_name text, elevenlabs_conversation_id text,
      agent_id text, batch_id text, recipient_id text, status text, call_summary text, call_duration_secs int,
      started_at timestamp, last_message_at timestamp, closed_at timestamp, address text, last_inbound_at timestamp,
      escalated_at timestamp)

-- name: messages
INSERT INTO conversation_messages (id, conversation_id, direction, content, twilio_message_id, elevenlabs_response,
    sent_at, delivered_at, read_at, metadata)
  SELECT (:message_id::int[])[i], (:message_conversation::int[])[i], (:message_direction::text[])[i],
    (:message_content::text[])[i], (:message_sid::text[])[i], (:message_response::jsonb[])[i],
    (:message_sent_at::timestamp[])[i], (:message_delivered_at::timestamp[])[i], (:message_read_at::timestamp[])[i],
    (:message_metadata::jsonb[])[i]
  FROM unnest(:message_place::int[]) WITH ORDINALITY AS n(place, i) JOIN written w USING (place)

-- name: removed_messages
DELETE FROM conversation_messages m
  USING unnest(:gone_place::int[], :gone_conversation::int[], :gone_id::int[]) AS n(place, conversation_id, id)
  JOIN written USING (place) WHERE m.id = n.id AND m.conversation_id = n.conversation_id

-- name: times
UPDATE conversation_messages m SET delivered_at = coalesce(m.delivered_at, (:times_delivered_at::timestamp[])[i]),
    read_at = coalesce(m.read_at, (:times_read_at::timestamp[])[i])
  FROM unnest(:times_place::int[]) WITH ORDINALITY AS n(place, i) JOIN written w USING (place)
  WHERE m.id = (:times_id::int[])[i] AND m.conversation_id = w.conversation_id

-- name: sends
SELECT (:send_own_id::uuid[])[i] AS own_id, (:send_columns::jsonb[])[i] AS columns
  FROM unnest(:send_place::int[]) WITH ORDINALITY AS n(place, i) JOIN written w USING (place)

-- name: changed_sends
UPDATE conversation_sends s SET (phone_number, conversation_id, turn_id, turn_kind, part, to_address, body, content, state,
    tries, sid, status, rank, error_code, message_id, planned_at, intended_at, accepted_at, delivered_at, read_at,
    came_back, times, origin_turn, origin_part) = (SELECT r.phone_number, r.conversation_id, r.turn_id, r.turn_kind, r.part, r.to_address, r.body,
    r.content, r.state, r.tries, r.sid, r.status, r.rank, r.error_code, r.message_id, r.planned_at, r.intended_at,
    r.accepted_at, r.delivered_at, r.read_at, r.came_back, r.times, r.origin_turn, r.origin_part
    FROM jsonb_populate_record(s, n.columns) r)
  FROM sends n WHERE s.own_id = n.own_id RETURNING s.own_id

-- name: made_sends
-- What changes one that is not there, because it is kept no longer, says nothing of whose it was, and makes none.
INSERT INTO conversation_sends
  SELECT r.* FROM (SELECT * FROM sends WHERE own_id <> ALL (ARRAY(SELECT own_id FROM changed_sends))
      AND columns ? 'phone_number' OFFSET 0) n,
    jsonb_populate_record(NULL::conversation_sends,
      :send_defaults::jsonb || n.columns || jsonb_build_object('own_id', n.own_id)) r

-- name: suppressions
SELECT n.* FROM unnest(:suppression_place::int[], :suppression_number::text[], :suppression_source::text[],
    :suppression_event_id::text[], :suppression_since::timestamp[]) AS n(place, phone_number, source, event_id, since)
  JOIN written USING (place)

-- name: suppressed
INSERT INTO conversation_suppression (phone_number, source, event_id, since)
  SELECT phone_number, source, event_id, since FROM suppressions WHERE since IS NOT NULL
  ON CONFLICT (phone_number) DO UPDATE SET source = EXCLUDED.source, event_id = EXCLUDED.event_id, since = EXCLUDED.since

-- name: unsuppressed
DELETE FROM conversation_suppression x USING suppressions n WHERE x.phone_number = n.phone_number AND n.since IS NULL

-- name: posts
INSERT INTO conversation_backend_posts (conversation_id, number, phone_number, payload)
  SELECT n.conversation_id, n.number, n.phone_number, n.payload
  FROM unnest(:post_place::int[], :post_conversation::int[], :post_number::int[], :post_phone::text[], :post_payload::jsonb[])
    AS n(place, conversation_id, number, phone_number, payload)
  JOIN written USING (place)

-- name: taken_posts
DELETE FROM conversation_backend_posts p
  USING unnest(:taken_place::int[], :taken_conversation::int[], :taken_number::int[]) AS n(place, conversation_id, number)
  JOIN written USING (place) WHERE p.conversation_id = n.conversation_id AND p.number = n.number

-- name: erasures
SELECT n.* FROM unnest(:erasure_place::int[], :erasure_number::text[], :erasure_digest::text[],
    :erasure_conversation::int[], :erasure_at::timestamp[], :erasure_spooled_until::bigint[])
    AS n(place, phone_number, digest, conversation_id, at, spooled_until)
  JOIN written USING (place)

-- name: erased_numbers
INSERT INTO conversation_erasure (number_digest, erased_at) SELECT digest, at FROM erasures
  ON CONFLICT (number_digest) DO UPDATE SET erased_at = EXCLUDED.erased_at

-- name: erased_conversations
DELETE FROM conversation_state s USING erasures n WHERE s.phone_number = n.phone_number

-- name: erased_log
-- What this very write says of the erasure stays until it is published.
DELETE FROM conversation_log l USING erasures n WHERE l.conversation_id = n.conversation_id

-- name: erased_sends
DELETE FROM conversation_sends s USING erasures n WHERE s.phone_number = n.phone_number

-- name: erased_seen
UPDATE conversation_seen s SET phone_number = '', outcome = NULL FROM erasures n
  WHERE s.phone_number = n.phone_number AND s.phone_number <> ''
    AND NOT EXISTS (SELECT FROM unnest(:outcome_kind::text[], :outcome_event_id::text[]) AS o(kind, event_id)
                    WHERE o.kind = s.kind AND o.event_id = s.event_id)

-- name: erased_posts
DELETE FROM conversation_backend_posts p USING erasures n WHERE p.phone_number = n.phone_number

-- name: erased_spool
-- What was spooled later comes after the erasure, as what lies behind it in a topic does.
DELETE FROM conversation_spool p USING erasures n
  WHERE p.key = n.phone_number AND (n.spooled_until IS NULL OR p.id <= n.spooled_until)

-- name: erased_dead_letters
-- Whatever their keys are, also those that tell of somebody else as well.
DELETE FROM conversation_dead_letter d USING erasures n WHERE d.phone_number = n.phone_number OR n.digest = ANY(d.mentions)

-- name: erased_presence
DELETE FROM conversation_presence p USING erasures n WHERE p.phone_number = n.phone_number

-- name: erased_replays
-- Without its number such a replay would go on with everybody's events.
DELETE FROM conversation_replay r USING erasures n WHERE r.options->>'number' = n.phone_number

-- name: places
SELECT place FROM written

-- name: places_and_notified
SELECT place FROM written, (SELECT count(*) FROM notified) AS n
