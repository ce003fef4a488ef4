-- name: conversations
-- Newest activity first. One pass over the table keeps the newest page in a small heap; an index on last_message_at
-- would have to be written at every message.
-- $1 status; $2 digits of a number, or an id, of any address of a person; $3 words in a name, or in a campaign's name or id; $4 only those that wait; $5 only those
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
    AND ($2::text IS NULL OR s.phone_number LIKE '%' || $2 || '%' OR s.phone_number = ANY(ARRAY(
      SELECT a.state->>'merged_into' FROM conversation_actor a
      WHERE a.phone_number LIKE '%' || $2 || '%' AND a.state ? 'merged_into')))
    AND ($3::text IS NULL OR (s.client_name COLLATE "C" ILIKE '%' || $9 || '%' AND s.client_name ILIKE '%' || $3 || '%')
      OR s.batch_id IN (SELECT batch_id FROM campaigns))
    AND (NOT $4 OR s.phone_number = ANY(ARRAY(SELECT phone_number FROM conversation_open)))
    AND (NOT $5 OR s.id = ANY(ARRAY(SELECT conversation_id FROM conversation_sends WHERE state IN ('refused', 'held'))))
    AND ($6::timestamp IS NULL OR (coalesce(s.last_message_at, 'epoch'), s.id) < ($6, $7))
  ORDER BY coalesce(s.last_message_at, 'epoch') DESC, s.id DESC LIMIT $8)
SELECT s.id, s.phone_number, s.client_name, s.status, s.batch_id, p.last_message_at, s.message_count,
  s.metadata->'call'->>'batch_name' AS batch_name,
  EXISTS (SELECT 1 FROM conversation_open o WHERE o.phone_number = s.phone_number) AS waiting,
  (SELECT o.state IN ('refused', 'held') FROM conversation_sends o WHERE o.phone_number = s.phone_number
   ORDER BY o.turn_id DESC, o.part LIMIT 1) AS failed,
  (SELECT m.content FROM conversation_messages m WHERE m.conversation_id = p.id ORDER BY m.id DESC LIMIT 1) AS newest
FROM page p JOIN conversation_state s USING (id) ORDER BY p.last_message_at DESC, p.id DESC

-- name: conversation_head
-- $1: any address of the person: one that has merged leads to its number
SELECT s.id, s.phone_number, s.client_name, s.status, s.agent_id, s.elevenlabs_conversation_id, s.batch_id, s.call_summary,
  s.call_duration_secs, s.started_at, s.last_message_at, s.last_inbound_at, s.closed_at, s.message_count,
  (SELECT coalesce(max(l.number), 0) FROM conversation_log l WHERE l.conversation_id = s.id) AS event_number,
  s.metadata->'call' AS call, s.metadata->'calls' AS earlier_calls,
  coalesce((SELECT (a.state->>'position')::bigint FROM conversation_actor a WHERE a.phone_number = s.phone_number), 0) AS newest_command
FROM conversation_state s WHERE s.phone_number = coalesce(
  (SELECT a.state->>'merged_into' FROM conversation_actor a WHERE a.phone_number = $1), $1)

-- name: messages
-- $2: older than this message's id, or null; $3: so many, newest first. What was said at the person's other addresses, too.
SELECT m.id, m.direction, m.content, m.sent_at, m.delivered_at, m.read_at, m.metadata,
  o.status, o.error_code, m.twilio_message_id AS sid, m.metadata->'params' AS params
FROM conversation_messages m
LEFT JOIN conversation_sends o ON o.sid = m.twilio_message_id AND m.direction = 'outbound'
WHERE ($2::int IS NULL OR m.id < $2) AND m.conversation_id = ANY(ARRAY(
  SELECT $1::int UNION ALL
  SELECT o.id FROM conversation_state s JOIN conversation_actor a ON a.phone_number = s.phone_number
  CROSS JOIN LATERAL jsonb_array_elements(a.state->'links') l JOIN conversation_state o ON o.phone_number = l->>'key'
  WHERE s.id = $1 AND o.metadata->>'merged_into' = s.phone_number))
ORDER BY m.id DESC LIMIT $3

-- name: turns
-- The newest turns: one whose answer is not there yet, then those that the log tells of: what was answered, when, and each
-- message with its tries and reports.
WITH told AS (
  SELECT DISTINCT ON (turn.id) turn.id, l.number, l.phone_number, l.at, l.data->'data' AS data
  FROM conversation_log l CROSS JOIN LATERAL (SELECT (l.data->'data'->>'turn_id')::bigint AS id) turn
  WHERE l.conversation_id = $1 AND (l.type = 'answered' OR (l.type = 'failed' AND l.data->'data'->>'what' = 'agent'))
  ORDER BY turn.id DESC, l.number DESC LIMIT $2)
SELECT NULL::bigint AS id, o.kind, o.state, o.since AS begun_at, NULL::timestamptz AS answered_at, NULL::timestamptz AS ended_at,
  o.held_until AS due_at, coalesce(a.state->'turn'->>'holds', a.state->'ask_wait'->>'tries', '0')::int AS holds,
  NULL::jsonb AS error, NULL::jsonb AS problem, NULL::text AS notice, o.since AS received_at, o.inputs, '[]'::jsonb AS sends
FROM conversation_open o JOIN conversation_actor a USING (phone_number)
WHERE a.conversation_id = $1 AND o.state = 'begun'
UNION ALL
SELECT t.id, t.data->>'kind',
  CASE WHEN f.at IS NOT NULL THEN 'failed' WHEN open.phone_number IS NOT NULL THEN 'answered' ELSE 'done' END,
  t.at - make_interval(secs => coalesce((t.data->>'seconds')::float, 0)), t.at,
  coalesce(f.at, (SELECT max(o.accepted_at) FROM conversation_sends o WHERE o.phone_number = t.phone_number AND o.turn_id = t.id)),
  open.held_until, coalesce(open.holds, 0), f.error,
  CASE WHEN t.data->>'what' = 'agent' THEN jsonb_build_object('code', t.data->>'code', 'reason', t.data->>'reason') END,
  t.data->>'notice', (t.data->>'asked_at')::timestamptz,
  jsonb_array_length(coalesce(t.data->'answers', '[]')),
  (SELECT coalesce(jsonb_agg(jsonb_build_object('part', o.part, 'state', o.state, 'tries', o.tries, 'sid', o.sid,
      'status', o.status, 'error_code', o.error_code, 'intended_at', o.intended_at, 'accepted_at', o.accepted_at,
      'delivered_at', o.delivered_at, 'read_at', o.read_at) ORDER BY o.part), '[]')
   FROM conversation_sends o WHERE o.phone_number = t.phone_number AND o.turn_id = t.id)
FROM told t
LEFT JOIN LATERAL (SELECT l.at, l.data->'data'->'error' AS error FROM conversation_log l
  WHERE l.conversation_id = $1 AND l.type = 'failed' AND l.data->'data'->>'turn_id' = t.id::text AND l.number > t.number
    AND l.data->'data'->>'what' IN ('first', 'reply') AND NOT EXISTS (SELECT 1 FROM conversation_log r
      WHERE r.conversation_id = $1 AND r.type = 'reopened' AND r.number > l.number AND r.data->'data'->'turn'->>'id' = t.id::text)
  ORDER BY l.number DESC LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT o.phone_number, o.held_until,
    (jsonb_path_query_first(a.state, '$.turn.parts[*].holds') #>> '{}')::int AS holds
  FROM conversation_actor a JOIN conversation_open o USING (phone_number)
  WHERE a.phone_number = t.phone_number AND (a.state->'turn'->>'id')::bigint = t.id) open ON true
ORDER BY id DESC NULLS FIRST

-- name: now
-- Every count goes through an index: open actors, ended turns, the spool.
SELECT
  (SELECT count(*) FROM conversation_log WHERE at > now() - interval '1 minute'
     AND type = 'sent' AND (data->'data'->>'is_last')::boolean) AS turns_a_minute,
  (SELECT count(*) FROM conversation_open WHERE state <> 'parked') AS active,
  (SELECT count(*) FROM conversation_open WHERE state <> 'parked' AND held_until > now()) AS held,
  (SELECT coalesce(sum(inputs), 0) FROM conversation_open WHERE state = 'parked') AS parked,
  (SELECT count(*) FROM conversation_spool) AS spooled,
  (SELECT extract(epoch FROM now() - min(since)) FROM conversation_open WHERE state <> 'parked') AS oldest_seconds,
  (SELECT count(*) FROM conversation_state WHERE status = 'escalated') AS escalated

-- name: stuck
-- What has been open for longer than $1 seconds, oldest first.
SELECT phone_number, conversation_id, kind, state, since AS begun_at, held_until AS due_at, 0 AS holds, tries
FROM conversation_open WHERE state <> 'parked' AND since < now() - make_interval(secs => $1) ORDER BY since LIMIT $2

-- name: response_times
-- Seconds from a client's message to the acceptance of its answer, over the last $1 seconds.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50, percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95
FROM (SELECT (data->'data'->>'response_seconds')::float AS seconds FROM conversation_log
      WHERE at > now() - make_interval(secs => $1) AND type = 'sent' AND (data->'data'->>'is_last')::boolean
        AND data->'data' ? 'response_seconds') answered

-- name: turns_over_time
-- Ended turns by slots of $2 seconds over the last $1 seconds.
SELECT floor(extract(epoch FROM now() - at) / $2)::int AS slots_ago,
  count(*) FILTER (WHERE type = 'sent') AS done,
  count(*) FILTER (WHERE type = 'failed' AND data->'data'->>'what' IN ('first', 'reply')) AS failed
FROM conversation_log WHERE at > now() - make_interval(secs => $1)
  AND (type IN ('failed', 'unanswered', 'declined') OR (type = 'sent' AND (data->'data'->>'is_last')::boolean)) GROUP BY 1

-- name: newest_change
-- What open pages watch: grows with everything that is told, whichever partition it is in.
SELECT (SELECT coalesce(sum(sequence), 0) FROM conversation_publication)::bigint AS published,
  (SELECT coalesce(max(id), 0) FROM conversation_messages) AS message

-- name: conversation_changes
-- What an open conversation's page watches: its events, and who else has it open.
SELECT s.phone_number, (SELECT coalesce(max(l.number), 0) FROM conversation_log l WHERE l.conversation_id = s.id) AS event_number,
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

-- name: actions
-- What changed a conversation's state: operators, the client's words, the agent, time; newest first.
SELECT type, at, coalesce(data->'data'->>'by', data->'data'->>'key', data->'data'->>'number') AS by, data->'data'->>'operator' AS operator, data->'data'->>'agent_id' AS agent_id,
  data->'data'->>'reason' AS reason
FROM conversation_log
WHERE conversation_id = $1 AND type IN ('escalated', 'resumed', 'closed', 'agent_changed', 'opted_out', 'opted_in',
  'merged', 'took_over', 'link_settled')
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

-- name: end_session
-- $1 id, $2 when it would have ended by itself. What has ended by then needs no row any more.
WITH past AS (DELETE FROM conversation_ended_session WHERE ends_at < now())
INSERT INTO conversation_ended_session (id, ends_at) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: session_has_ended
SELECT EXISTS (SELECT FROM conversation_ended_session WHERE id = $1)
