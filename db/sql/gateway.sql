-- name: call_outcomes
-- Calls' turns, by the calls' ElevenLabs conversations; sid of each one's first message.
SELECT i.event_id, t.state, t.conversation_id, t.error, s.sid
FROM conversation_input i
JOIN conversation_turn t ON t.id = i.turn_id
LEFT JOIN conversation_send s ON s.turn_id = t.id AND s.part = 0
WHERE i.kind = 'call' AND i.event_id = ANY($1::text[])

-- name: command_outcomes
-- A command's outcome, or its turn where it writes.
SELECT i.event_id, i.phone_number, i.payload->>'command' AS command, i.outcome, t.state, t.error, sent.sid, s.status,
  coalesce(t.conversation_id, s.id) AS conversation_id
FROM conversation_input i
LEFT JOIN conversation_turn t ON t.id = i.turn_id
LEFT JOIN conversation_send sent ON sent.turn_id = t.id AND sent.part = 0
LEFT JOIN conversation_state s ON s.phone_number = i.phone_number
WHERE i.kind = 'command' AND i.event_id = ANY($1::text[])

-- name: conversation
-- One statement, one snapshot: the count is that of the messages shown. Oldest first means by time; messages that
-- came while an answer was being made are recorded after it, so ids alone are not that order.
-- $2: before the message with this id; $3: before this time; $4: the newest so many. Each may be null.
SELECT s.phone_number, s.client_name, s.status, s.elevenlabs_conversation_id, s.agent_id,
  to_char(s.started_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
  to_char(s.last_message_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS last_message_at,
  (SELECT count(*) FROM conversation_messages m WHERE m.conversation_id = s.id) AS message_count,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'direction', p.direction, 'content', p.content,
            'timestamp', to_char(p.sent_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) ORDER BY p.sent_at, p.id), '[]')
   FROM (SELECT m.id, m.direction, m.content, m.sent_at FROM conversation_messages m
         WHERE m.conversation_id = s.id
           AND ($2::int IS NULL OR (m.sent_at, m.id) < (SELECT b.sent_at, b.id FROM conversation_messages b
                                                        WHERE b.id = $2 AND b.conversation_id = s.id))
           AND ($3::timestamp IS NULL OR m.sent_at < $3)
         ORDER BY m.sent_at DESC, m.id DESC LIMIT $4::bigint) p) AS page
FROM conversation_state s WHERE s.phone_number = $1

-- name: message_params
-- Twilio's parameters of a client's message, raw.
SELECT payload->'params' AS params FROM conversation_input WHERE kind = 'message' AND event_id = $2 AND phone_number = $1

-- name: stats
-- $1: time zone; $2: the day, null for today. A conversation of the day is answered when a message came in a turn after
-- the first call of that day; turns, unlike messages' times, are in the order in which things were taken up.
WITH day AS (SELECT d::timestamp AT TIME ZONE $1 AT TIME ZONE 'UTC' AS begins,
                    (d + 1)::timestamp AT TIME ZONE $1 AT TIME ZONE 'UTC' AS ends
             FROM (SELECT coalesce($2::date, (now() AT TIME ZONE $1)::date) AS d) asked),
calls AS (SELECT h.conversation_id AS id, min(coalesce((h.data->>'turn_id')::bigint, 0)) AS turn
          FROM conversation_history h, day
          -- The event's time follows the call's within the transaction: the index finds the day and a little more.
          WHERE h.type = 'started' AND h.at >= begins AND h.at < ends + interval '1 minute'
            AND coalesce((h.data->>'started_at')::timestamp, h.at) >= begins
            AND coalesce((h.data->>'started_at')::timestamp, h.at) < ends
          GROUP BY 1
          UNION ALL -- rows that were there before the service, and have no events
          SELECT id, -1 FROM conversation_state, day WHERE event_number = 0 AND started_at >= begins AND started_at < ends),
messages AS (SELECT m.* FROM conversation_messages m, day WHERE m.sent_at >= begins AND m.sent_at < ends),
responses AS (SELECT extract(epoch FROM m.sent_at - (SELECT min(received_at) FROM conversation_input i
                WHERE i.turn_id = o.turn_id AND i.kind = 'message')) AS seconds
              FROM messages m JOIN conversation_send o ON o.own_id = (m.metadata->>'own_id')::uuid AND o.part = 0
              WHERE m.direction = 'outbound'),
turns AS (SELECT t.state FROM conversation_turn t, day WHERE t.ended_at >= begins AND t.ended_at < ends)
SELECT
  (SELECT count(*) FROM conversation_state WHERE status = 'active') AS active_conversations,
  (SELECT count(*) FROM calls) AS total_conversations_today,
  (SELECT count(*) FROM messages WHERE direction = 'outbound') AS messages_sent_today,
  (SELECT count(*) FROM messages WHERE direction = 'inbound') AS messages_received_today,
  (SELECT count(*) FROM calls WHERE EXISTS (SELECT 1 FROM conversation_messages m WHERE m.conversation_id = calls.id
     AND m.direction = 'inbound' AND coalesce((m.metadata->>'turn_id')::bigint, 0) > calls.turn)) AS answered_today,
  (SELECT coalesce(avg(seconds), 0) FROM responses) AS avg_response_time_seconds,
  (SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds) FROM responses
   WHERE seconds IS NOT NULL) AS response_quantiles,
  (SELECT count(*) FROM conversation_turn WHERE state IN ('begun', 'answered') AND coalesce(due_at <= now(), true)) AS active,
  (SELECT count(*) FROM turns WHERE state = 'done') AS completed,
  (SELECT count(*) FROM turns WHERE state = 'failed') AS failed,
  (SELECT count(*) FROM conversation_spool) + (SELECT count(*) FROM conversation_input WHERE state = 'parked')
    + (SELECT count(*) FROM conversation_turn WHERE state IN ('begun', 'answered') AND due_at > now()) AS waiting

-- name: campaign
-- A campaign's calls by the day on which they began, and what became of each until its conversation's next call: the same
-- figures as the statistics' tables keep (streams/stats/calls.py).
-- $1: time zone; $2, $3: batch_id, group_id, either may be null; $4: so many days, today included; $5: days after which a
-- closed conversation has left the tables.
WITH oldest AS (
  SELECT ((now() AT TIME ZONE $1)::date - $4::int + 1)::timestamp AT TIME ZONE $1 AT TIME ZONE 'UTC' AS begins),
started AS (
  SELECT h.conversation_id AS id, h.number, coalesce((h.data->>'turn_id')::bigint, 0) AS turn,
    coalesce((h.data->>'started_at')::timestamp, h.at) AS began
  FROM conversation_history h JOIN conversation_state s ON s.id = h.conversation_id, oldest
  WHERE h.type = 'started' AND h.at >= begins AND coalesce((h.data->>'started_at')::timestamp, h.at) >= begins
    AND ($2::text IS NULL OR h.data->>'batch_id' = $2) AND ($3::text IS NULL OR h.data->>'group_id' = $3)
    AND NOT (s.status = 'closed' AND coalesce(s.last_message_at, s.started_at) < now() - make_interval(days => $5::int))),
calls AS (
  SELECT started.id, started.number, turn, (began AT TIME ZONE 'UTC' AT TIME ZONE $1)::date AS day,
    coalesce(following.number, 2147483647) AS next_number, coalesce(following.next_turn, 9223372036854775807) AS next_turn
  FROM started LEFT JOIN LATERAL (
    SELECT h.number, coalesce((h.data->>'turn_id')::bigint, 0) AS next_turn FROM conversation_history h
    WHERE h.conversation_id = started.id AND h.type = 'started' AND h.number > started.number ORDER BY h.number LIMIT 1
  ) following ON true),
fates AS (
  SELECT c.day, said.*, sent.*, EXISTS (
    SELECT 1 FROM conversation_messages m WHERE m.conversation_id = c.id AND m.direction = 'inbound'
      AND coalesce((m.metadata->>'turn_id')::bigint, 0) >= c.turn
      AND coalesce((m.metadata->>'turn_id')::bigint, 0) < c.next_turn) AS answered
  FROM calls c, LATERAL (
    SELECT coalesce(bool_or(h.type = 'escalated'), false) AS escalated, coalesce(bool_or(h.type = 'opted_out'), false) AS stopped,
      coalesce(bool_or(h.type = 'failed'), false) AS failed
    FROM conversation_history h WHERE h.conversation_id = c.id AND h.number > c.number AND h.number < c.next_number) said,
  LATERAL (
    SELECT coalesce(bool_or(coalesce(o.delivered_at, o.read_at) IS NOT NULL), false) AS delivered,
      coalesce(bool_or(o.read_at IS NOT NULL), false) AS read
    FROM conversation_turn t JOIN conversation_send o ON o.turn_id = t.id WHERE t.id = c.turn AND t.kind = 'call') sent),
reasons AS (
  SELECT c.day, left(coalesce(nullif(h.data->>'code', ''), nullif(h.data->>'what', ''), 'unknown'), 40) AS reason, count(*) AS n
  FROM calls c JOIN conversation_history h ON h.conversation_id = c.id AND h.type = 'failed'
    AND h.number > c.number AND h.number < c.next_number GROUP BY 1, 2)
SELECT to_char(f.day, 'YYYY-MM-DD') AS day, count(*) AS started, count(*) FILTER (WHERE delivered) AS delivered,
  count(*) FILTER (WHERE read) AS read, count(*) FILTER (WHERE answered) AS answered,
  count(*) FILTER (WHERE escalated) AS escalated, count(*) FILTER (WHERE stopped) AS stopped,
  count(*) FILTER (WHERE failed) AS failed,
  coalesce((SELECT jsonb_object_agg(r.reason, r.n) FROM reasons r WHERE r.day = f.day), '{}') AS reasons
FROM fates f GROUP BY f.day ORDER BY f.day

-- name: untold
-- Rows of the contract's table that were there before the service.
SELECT EXISTS (SELECT 1 FROM conversation_state WHERE event_number = 0)

-- name: work
-- Whether work is stuck. Ages in seconds, null where there is none. A held turn waits for its time and is not counted.
-- refused: failures of the last hour by code.
SELECT (SELECT count(*) FROM conversation_spool) AS spooled,
  (SELECT extract(epoch FROM now() - min(spooled_at)) FROM conversation_spool) AS oldest_spooled,
  (SELECT extract(epoch FROM now() - min(i.received_at)) FROM conversation_turn t JOIN conversation_input i ON i.turn_id = t.id
   WHERE t.state IN ('begun', 'answered') AND coalesce(t.due_at <= now(), true)) AS oldest_waiting,
  (SELECT extract(epoch FROM now() - max(ended_at)) FROM conversation_turn) AS last_ended,
  (SELECT coalesce(jsonb_object_agg(code, n), '{}') FROM (SELECT h.data->>'code' AS code, count(*) AS n
     FROM conversation_history h WHERE h.type = 'failed' AND h.at > now() - interval '1 hour' AND h.data->>'code' IS NOT NULL
     GROUP BY 1) failed) AS refused

-- name: spool
-- Whichever web process is reached next must know: a key's later events queue behind these. Arrays, an event a place.
WITH stored AS (
    INSERT INTO conversation_spool (topic, key, value, request_id, trace)
    SELECT topic, key, value, request_id, trace
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[])
        WITH ORDINALITY AS event (topic, key, value, request_id, trace, place)
    ORDER BY place RETURNING id
)
SELECT pg_notify('spool', '') WHERE EXISTS (SELECT 1 FROM stored)

-- name: spooled
SELECT EXISTS (SELECT 1 FROM conversation_spool WHERE key = $1)

-- name: spool_holds_some
SELECT EXISTS (SELECT 1 FROM conversation_spool)

-- name: spool_session
-- Longer than a pass may last: a process frozen in the middle of one loses its session, and with it the lock.
SET LOCAL idle_in_transaction_session_timeout = '15s'

-- name: spool_lock
SELECT pg_try_advisory_xact_lock($1)

-- name: spool_head
SELECT id, topic, key, value, request_id, trace FROM conversation_spool ORDER BY id LIMIT $1

-- name: unspool
DELETE FROM conversation_spool WHERE id = ANY($1::bigint[])
