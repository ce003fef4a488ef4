-- What the steps share. A step is a function of one JSON object that gives a JSON object with a `state`;
-- so many numbers' steps can share one statement: SELECT step(item) FROM jsonb_array_elements($1).

-- The partition's epoch is still the newest. The lock makes a new owner's claim wait for steps under way.
CREATE OR REPLACE FUNCTION wm_fenced(a jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM conversation_owner
    WHERE partition = (a->>'partition')::int AND epoch = (a->>'epoch')::bigint FOR SHARE;
  RETURN NOT FOUND;
END $$;

-- Whether the partition is still ours, for what is done outside and cannot carry an epoch. a: partition, epoch
CREATE OR REPLACE FUNCTION wm_own(a jsonb) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('state', CASE WHEN wm_fenced(a) THEN 'fenced' ELSE 'owned' END)
$$;

CREATE OR REPLACE FUNCTION wm_iso(t timestamp) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT to_char(t, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- What every event tells of its conversation's row as the step leaves it: whatever changes from step to step. The
-- rest stands in `started` (the whole row), or in the event of the step that changes it.
CREATE OR REPLACE FUNCTION wm_row_state(s conversation_state) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('agent_id', s.agent_id, 'status', s.status, 'address', s.address,
    'message_count', s.message_count, 'last_message_at', s.last_message_at, 'last_inbound_at', s.last_inbound_at,
    'closed_at', s.closed_at, 'escalated_at', s.escalated_at, 'meanwhile_from', s.meanwhile_from)
$$;

-- Keeps of an event what leaves no trace in another table, without anybody's words: what statistics are made again from.
CREATE OR REPLACE FUNCTION wm_keep(conversation int, n int, event_type text, happened timestamp, event_data jsonb)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO conversation_history (conversation_id, number, type, at, data)
  SELECT conversation, n, event_type, happened,
    (event_data - '{row,content,text,reply,parts,metadata,call_summary}'::text[])
      || CASE WHEN event_data ? 'row' THEN jsonb_build_object('started_at', event_data->'row'->'started_at') ELSE '{}' END
  ON CONFLICT DO NOTHING
$$;

-- Puts an event into the outbox; call it after the step has changed the row. Numbers have no gaps, because the
-- conversation's row lock hands them out. A value that a database can lose must be in here: see `replay --mode rebuild`.
CREATE OR REPLACE FUNCTION wm_emit(conversation int, part int, event_type text, event_data jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE s conversation_state; event jsonb; happened timestamp := clock_timestamp();
BEGIN
  UPDATE conversation_state SET event_number = event_number + 1 WHERE id = conversation RETURNING * INTO s;
  IF event_type NOT IN ('received', 'answered', 'sent', 'delivered', 'parked', 'commanded') THEN
    PERFORM wm_keep(conversation, s.event_number, event_type, happened, event_data);
  END IF;
  event := jsonb_build_object(
    'schema_version', 2, 'event_id', conversation || ':' || s.event_number, 'number', s.event_number,
    'conversation_id', conversation, 'phone_number', s.phone_number, 'type', event_type,
    'at', wm_iso(happened), 'data', event_data, 'state', wm_row_state(s));
  INSERT INTO conversation_outbox (conversation_id, number, partition, phone_number, payload)
    VALUES (conversation, s.event_number, part, s.phone_number, event);
  IF event_type IN ('escalated', 'resumed', 'closed', 'opted_out', 'opted_in') THEN PERFORM wm_tell_backend(part, event); END IF;
END $$;

-- Everything the worker needs to do, or to go on with, a turn.
CREATE OR REPLACE FUNCTION wm_turn(turn bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'id', t.id, 'kind', t.kind, 'state', t.state, 'phone_number', t.phone_number, 'partition', t.partition,
    'conversation_id', t.conversation_id, 'request_id', t.request_id,
    'address', coalesce(s.address, 'whatsapp:' || s.phone_number),
    'age_seconds', extract(epoch FROM clock_timestamp() - t.begun_at), 'answered_at', wm_iso(t.answered_at),
    'client_name', s.client_name, 'agent_id', s.agent_id, 'call_summary', s.call_summary,
    'elevenlabs_conversation_id', s.elevenlabs_conversation_id,
    'call', s.metadata->'call', 'details', s.metadata->'details',
    'rule', t.rule, 'last_inbound_at', wm_iso(s.last_inbound_at),
    'meanwhile_from', s.meanwhile_from, 'agent_changed', coalesce(s.metadata ? 'agent_changed', false),
    -- Events from before a restore: what was sent for them may be unknown here.
    'suspect_since', (SELECT wm_iso(min(i.received_at)) FROM conversation_input i WHERE i.turn_id = t.id
                      AND i.received_at < (SELECT max(restored_at) FROM conversation_restore)),
    'members', (SELECT coalesce(jsonb_agg(jsonb_build_object('event_id', i.event_id, 'payload', i.payload, 'trace', i.trace)
                ORDER BY i.position), '[]') FROM conversation_input i WHERE i.turn_id = t.id),
    'sends', (SELECT coalesce(jsonb_agg(jsonb_build_object('own_id', o.own_id, 'to_address', o.to_address,
                'body', o.body, 'content', o.content, 'state', o.state, 'tries', o.tries, 'sid', o.sid,
                'age_seconds', extract(epoch FROM clock_timestamp() - o.intended_at)) ORDER BY o.part), '[]')
              FROM conversation_send o WHERE o.turn_id = t.id))
  FROM conversation_turn t JOIN conversation_state s ON s.id = t.conversation_id WHERE t.id = turn
$$;

CREATE OR REPLACE FUNCTION wm_open_turn(phone text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT id FROM conversation_turn WHERE phone_number = phone AND state IN ('begun', 'answered')
$$;

-- Whether a turn waits for its time, so that it is not to be tried now.
CREATE OR REPLACE FUNCTION wm_is_held(turn bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce(due_at > clock_timestamp(), false) FROM conversation_turn WHERE id = turn
$$;

-- Ends a turn once; whoever waits for a call's or a command's outcome is told.
CREATE OR REPLACE FUNCTION wm_end_turn(turn bigint, outcome text, problem jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversation_turn SET state = outcome, error = problem, ended_at = clock_timestamp() WHERE id = turn;
  PERFORM pg_notify(kind || '_outcome', event_id) FROM conversation_input
    WHERE turn_id = turn AND kind IN ('call', 'command');
END $$;
