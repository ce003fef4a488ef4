-- name: conversations
-- Newest activity first. One pass over the table keeps the newest page in a small heap; an index on last_message_at
-- would have to be written at every message.
-- $1 status; $2 digits of a number; $3 words in a name, or in a campaign's name or id; $4 only those that wait; $5 only those
-- with a failed turn; $6, $7: behind this (time, id); $8: so many; $9: $3 with a `_` for each letter that is not ASCII's.
-- $1-$3, $6, $7, $9 may be null. To fold the case of any letter costs 5 µs a row: the names that $9 fits are few.
WITH campaigns AS MATERIALIZED (
  SELECT newest.batch_id FROM (SELECT batch_id, max(id) AS id FROM conversation_state
                               WHERE batch_id IS NOT NULL AND $3::text IS NOT NULL GROUP BY batch_id) newest
  JOIN conversation_state n ON n.id = newest.id
  WHERE newest.batch_id ILIKE '%' || $3 || '%' OR n.metadata->'call'->>'batch_name' ILIKE '%' || $3 || '%'),
page AS (
  SELECT s.id, coalesce(s.last_message_at, 'epoch') AS last_message_at FROM conversation_state s
  WHERE ($1::text IS NULL OR s.status = $1)
    AND ($2::text IS NULL OR s.phone_number LIKE '%' || $2 || '%')
    AND ($3::text IS NULL OR (s.client_name COLLATE "C" ILIKE '%' || $9 || '%' AND s.client_name ILIKE '%' || $3 || '%')
      OR s.batch_id IN (SELECT batch_id FROM campaigns))
    AND (NOT $4 OR s.phone_number = ANY(ARRAY(
      SELECT phone_number FROM conversation_turn WHERE state IN ('begun', 'answered')
      UNION ALL SELECT phone_number FROM conversation_input WHERE state = 'parked')))
    AND (NOT $5 OR s.id = ANY(ARRAY(SELECT conversation_id FROM conversation_turn WHERE state = 'failed')))
    AND ($6::timestamp IS NULL OR (coalesce(s.last_message_at, 'epoch'), s.id) < ($6, $7))
  ORDER BY coalesce(s.last_message_at, 'epoch') DESC, s.id DESC LIMIT $8)
SELECT s.id, s.phone_number, s.client_name, s.status, s.batch_id, p.last_message_at, s.message_count,
  s.metadata->'call'->>'batch_name' AS batch_name,
  EXISTS (SELECT 1 FROM conversation_turn t WHERE t.phone_number = s.phone_number
          AND t.state IN ('begun', 'answered')) AS waiting,
  (SELECT t.state = 'failed' FROM conversation_turn t WHERE t.conversation_id = p.id ORDER BY t.id DESC LIMIT 1) AS failed,
  (SELECT m.content FROM conversation_messages m WHERE m.conversation_id = p.id ORDER BY m.id DESC LIMIT 1) AS newest
FROM page p JOIN conversation_state s USING (id) ORDER BY p.last_message_at DESC, p.id DESC

-- name: conversation_head
SELECT id, phone_number, client_name, status, agent_id, elevenlabs_conversation_id, batch_id, call_summary,
  call_duration_secs, started_at, last_message_at, last_inbound_at, closed_at, message_count, event_number,
  metadata->'call' AS call, metadata->'calls' AS earlier_calls,
  (SELECT coalesce(max(i.position), 0) FROM conversation_input i
   WHERE i.kind = 'command' AND i.phone_number = s.phone_number) AS newest_command
FROM conversation_state s WHERE phone_number = $1

-- name: messages
-- $2: older than this message's id, or null; $3: so many, newest first.
SELECT m.id, m.direction, m.content, m.sent_at, m.delivered_at, m.read_at, m.metadata,
  o.status, o.error_code, m.twilio_message_id AS sid, i.payload->'params' AS params
FROM conversation_messages m
LEFT JOIN conversation_send o ON o.sid = m.twilio_message_id AND m.direction = 'outbound'
LEFT JOIN conversation_input i ON i.kind = 'message' AND i.event_id = m.twilio_message_id AND m.direction = 'inbound'
WHERE m.conversation_id = $1 AND ($2::int IS NULL OR m.id < $2)
ORDER BY m.id DESC LIMIT $3

-- name: turns
-- The journal of the newest turns: received, asked, answered, and each message with its tries and reports.
SELECT t.id, t.kind, t.state, t.begun_at, t.answered_at, t.ended_at, t.due_at, t.holds, t.error,
  (SELECT min(i.received_at) FROM conversation_input i WHERE i.turn_id = t.id) AS received_at,
  (SELECT count(*) FROM conversation_input i WHERE i.turn_id = t.id) AS inputs,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('part', o.part, 'state', o.state, 'tries', o.tries, 'sid', o.sid,
      'status', o.status, 'error_code', o.error_code, 'intended_at', o.intended_at, 'accepted_at', o.accepted_at,
      'delivered_at', o.delivered_at, 'read_at', o.read_at) ORDER BY o.part), '[]')
   FROM conversation_send o WHERE o.turn_id = t.id) AS sends
FROM conversation_turn t WHERE t.conversation_id = $1 ORDER BY t.id DESC LIMIT $2

-- name: now
-- Every count goes through an index: open turns, ended turns, parked inputs, the spool.
SELECT
  (SELECT count(*) FROM conversation_turn WHERE ended_at > now() - interval '1 minute' AND state = 'done') AS turns_a_minute,
  (SELECT count(*) FROM conversation_turn WHERE state IN ('begun', 'answered')) AS active,
  (SELECT count(*) FROM conversation_turn WHERE state IN ('begun', 'answered') AND due_at > now()) AS held,
  (SELECT count(*) FROM conversation_input WHERE state = 'parked') AS parked,
  (SELECT count(*) FROM conversation_spool) AS spooled,
  (SELECT extract(epoch FROM now() - min(begun_at)) FROM conversation_turn WHERE state IN ('begun', 'answered')) AS oldest_seconds,
  (SELECT count(*) FROM conversation_state WHERE status = 'escalated') AS escalated

-- name: stuck
-- Open turns that have been under way for longer than $1 seconds, oldest first.
SELECT t.phone_number, t.conversation_id, t.kind, t.state, t.begun_at, t.due_at, t.holds,
  (SELECT max(o.tries) FROM conversation_send o WHERE o.turn_id = t.id) AS tries
FROM conversation_turn t
WHERE t.state IN ('begun', 'answered') AND t.begun_at < now() - make_interval(secs => $1)
ORDER BY t.begun_at LIMIT $2

-- name: response_times
-- Seconds from a client's message to the acceptance of its answer, over the last $1 seconds.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50, percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95
FROM (SELECT extract(epoch FROM o.accepted_at - (SELECT min(i.received_at) FROM conversation_input i
             WHERE i.turn_id = t.id)) AS seconds
      FROM conversation_turn t JOIN conversation_send o ON o.turn_id = t.id AND o.part = 0
      WHERE t.ended_at > now() - make_interval(secs => $1) AND t.kind = 'reply' AND o.accepted_at IS NOT NULL) answered

-- name: turns_over_time
-- Ended turns by slots of $2 seconds over the last $1 seconds.
SELECT floor(extract(epoch FROM now() - ended_at) / $2)::int AS slots_ago,
  count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed
FROM conversation_turn WHERE ended_at > now() - make_interval(secs => $1) GROUP BY 1

-- name: newest_change
-- What open pages watch: grows with every turn begun or ended and with every change of a conversation on display.
SELECT (SELECT coalesce(max(id), 0) FROM conversation_turn) AS turn,
  (SELECT coalesce(max(ended_at), 'epoch') FROM conversation_turn) AS ended,
  (SELECT coalesce(max(id), 0) FROM conversation_messages) AS message

-- name: conversation_changes
-- What an open conversation's page watches: its events, and who else has it open.
SELECT s.phone_number, s.event_number,
  (SELECT string_agg(p.operator, ',' ORDER BY p.operator) FROM conversation_presence p
   WHERE p.phone_number = s.phone_number AND p.seen_at > now() - interval '30 seconds') AS there
FROM conversation_state s WHERE s.phone_number = ANY($1::text[])

-- name: presence
-- These operators ($2) have these numbers' conversations ($1) open, pair by pair. An erased number is not brought back.
WITH faded AS (DELETE FROM conversation_presence WHERE seen_at < now() - interval '10 minutes' AND NOT phone_number = ANY($1))
INSERT INTO conversation_presence (phone_number, operator, seen_at)
SELECT x.number, x.operator, now() FROM unnest($1::text[], $2::text[]) AS x(number, operator)
JOIN conversation_state s ON s.phone_number = x.number
ON CONFLICT (phone_number, operator) DO UPDATE SET seen_at = EXCLUDED.seen_at

-- name: presence_ends
DELETE FROM conversation_presence p USING unnest($1::text[], $2::text[]) AS x(number, operator)
WHERE p.phone_number = x.number AND p.operator = x.operator

-- name: present
-- Told again every 10 s; one that was not told three times has gone, with its process perhaps.
SELECT operator FROM conversation_presence
WHERE phone_number = $1 AND seen_at > now() - interval '30 seconds' ORDER BY operator

-- name: number_of
SELECT phone_number FROM conversation_state WHERE id = $1

-- name: deeds
-- What changed a conversation's state: operators, the client's words, the agent, time; newest first.
SELECT type, at, data->>'by' AS by, data->>'operator' AS operator, data->>'agent_id' AS agent_id, data->>'reason' AS reason
FROM conversation_history
WHERE conversation_id = $1 AND type IN ('escalated', 'resumed', 'closed', 'agent_changed', 'opted_out', 'opted_in')
ORDER BY number DESC LIMIT $2

-- name: suppressed
-- Newest first; behind this (time, number); so many. $1 and $2 may be null.
SELECT x.phone_number, x.source, x.event_id, x.since, s.client_name
FROM conversation_suppression x LEFT JOIN conversation_state s USING (phone_number)
WHERE $1::timestamp IS NULL OR (x.since, x.phone_number) < ($1, $2)
ORDER BY x.since DESC, x.phone_number DESC LIMIT $3

-- name: campaigns
-- Campaigns by their newest conversation; a conversation belongs to the campaign that called it last.
SELECT c.batch_id, c.conversations, c.newest, n.metadata->'call'->>'batch_name' AS batch_name
FROM (SELECT batch_id, count(*) AS conversations, max(started_at) AS newest, max(id) AS last FROM conversation_state
      WHERE batch_id IS NOT NULL GROUP BY batch_id ORDER BY newest DESC NULLS LAST LIMIT $1) c
JOIN conversation_state n ON n.id = c.last ORDER BY c.newest DESC NULLS LAST

-- name: campaign_name
SELECT metadata->'call'->>'batch_name' FROM conversation_state WHERE batch_id = $1 ORDER BY id DESC LIMIT 1

-- name: latest_agents
-- Whom `doctor` looks at.
SELECT agent_id FROM conversation_state WHERE agent_id <> '' AND last_message_at > now() - interval '30 days'
GROUP BY agent_id ORDER BY max(last_message_at) DESC LIMIT $1
