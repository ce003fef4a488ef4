-- What an operator's command changes. active: the agent answers; escalated: a person does, the agent is silent;
-- closed: nobody, until the client writes or a call ends.
--   close      active, escalated → closed       escalate   active → escalated
--   resume     escalated, closed → active       write, change_agent   active, escalated
--   erase      whatever there is → nothing
-- A command that finds its aim reached changes nothing and is done.

-- Who else had a command done with this conversation after the newest one that the sender had seen; null where nobody did.
-- A command that was parked meanwhile is overtaken by nothing that came behind it.
CREATE OR REPLACE FUNCTION wm_overtaken(a jsonb, phone text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT i.payload->>'by' FROM conversation_input i
  WHERE i.kind = 'command' AND i.phone_number = phone AND i.position > (a->'payload'->>'seen')::bigint
    AND i.position < coalesce((SELECT own.position FROM conversation_input own
                               WHERE own.kind = 'command' AND own.event_id = a->>'event_id'), i.position + 1)
    AND i.payload->>'by' <> a->>'by' AND coalesce((i.outcome->>'changed')::boolean, i.outcome IS NULL)
  ORDER BY i.position DESC LIMIT 1
$$;

-- Why a command cannot be done: {status: HTTP's, error, details, operator}; null where it can.
-- a: command, event_id, by, payload (with `seen`, where the sender tells it), has_template, window_seconds
CREATE OR REPLACE FUNCTION wm_command_refusal(a jsonb, s conversation_state) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN a->>'command' = 'erase' THEN NULL
    WHEN s.id IS NULL THEN jsonb_build_object('status', 404, 'error', 'Conversation not found',
      'details', 'no conversation with ' || (a->>'phone_number'))
    WHEN wm_overtaken(a, s.phone_number) IS NOT NULL THEN
      jsonb_build_object('status', 409, 'error', 'Somebody else was faster', 'operator', wm_overtaken(a, s.phone_number),
        'details', 'look at the conversation, and tell it again if it still fits')
    WHEN s.status = 'closed' AND a->>'command' IN ('escalate', 'write', 'change_agent') THEN
      jsonb_build_object('status', 409, 'error', 'The conversation is closed', 'details', 'resume it first')
    WHEN a->>'command' <> 'write' THEN NULL
    WHEN wm_is_suppressed(s.phone_number) THEN jsonb_build_object('status', 409, 'error', 'The number has opted out',
      'details', 'the client asked for no more messages; ALTA or START from that number undoes it')
    WHEN NOT (a->>'has_template')::boolean AND coalesce(s.last_inbound_at, '-infinity')
        < clock_timestamp()::timestamp - make_interval(secs => (a->>'window_seconds')::float) THEN
      jsonb_build_object('status', 409, 'error', 'Outside the 24-hour window', 'details',
        'the client has not written within 24 hours; give content_sid (an approved template), or set '
        'TWILIO_REOPEN_CONTENT_SID')
  END
$$;

-- Does what needs no message; true where it changed something.
CREATE OR REPLACE FUNCTION wm_command_change(a jsonb, s conversation_state, told jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE part int := (a->>'partition')::int;
BEGIN
  IF a->>'command' = 'change_agent' THEN
    IF s.agent_id = a->>'agent_id' THEN RETURN false; END IF;
    UPDATE conversation_state SET agent_id = a->>'agent_id',
      metadata = coalesce(metadata, '{}') || '{"agent_changed": true}' WHERE id = s.id;
    PERFORM wm_emit(s.id, part, 'agent_changed', told || jsonb_build_object('agent_id', a->>'agent_id',
      'before', s.agent_id, 'metadata', jsonb_build_object('agent_changed', true)));
    RETURN true;
  END IF;
  RETURN wm_change_status(s.id, part,
    CASE a->>'command' WHEN 'close' THEN 'closed' WHEN 'escalate' THEN 'escalated' ELSE 'active' END, told);
END $$;

-- An answer that waits for its time, and that the agent has not given yet, is not given any more.
CREATE OR REPLACE FUNCTION wm_silence(turn bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM conversation_turn WHERE id = turn AND kind = 'reply' AND state = 'begun' FOR UPDATE;
  IF FOUND THEN PERFORM wm_end_turn(turn, 'done', NULL); END IF;
END $$;

CREATE OR REPLACE FUNCTION wm_end_command(command text, result jsonb) RETURNS void LANGUAGE sql AS $$
  UPDATE conversation_input SET outcome = result WHERE kind = 'command' AND event_id = command;
  SELECT pg_notify('command_outcome', command);
$$;

-- Tells the log of a command that was taken up, with its outcome where it has one, so that its id outlives the database: a
-- command with no effect leaves no other event, and would be done when it came again.
CREATE OR REPLACE FUNCTION wm_tell_command(s conversation_state, part int, command text, turn bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF s.id IS NULL THEN RETURN; END IF;  -- nothing to tell it of: it is refused again
  PERFORM wm_emit(s.id, part, 'commanded', jsonb_build_object('command_id', command, 'turn_id', turn,
    'input', (SELECT to_jsonb(i) FROM conversation_input i WHERE i.kind = 'command' AND i.event_id = command)));
END $$;

-- An operator's command, in the order of its number. Writing is a turn; behind one that waits for its time it waits, too.
-- a: partition, epoch, phone_number, event_id, command, by, reason, agent_id, payload, received_at, request_id,
--    has_template, window_seconds, sure: whether the number, if it has no conversation, certainly has none
CREATE OR REPLACE FUNCTION wm_begin_command(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE phone text := a->>'phone_number'; turn bigint; s conversation_state; refusal jsonb; waits boolean; changed boolean;
  told jsonb := jsonb_build_object('by', 'operator', 'operator', a->>'by', 'command_id', a->>'event_id',
                                   'reason', a->>'reason');
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  turn := wm_first_turn(phone, (a->>'partition')::int);
  IF turn IS NOT NULL AND NOT wm_is_held(turn) THEN
    RETURN jsonb_build_object('state', 'open', 'turn', wm_turn(turn));
  END IF;
  SELECT * INTO s FROM conversation_state WHERE phone_number = phone FOR UPDATE;
  IF NOT FOUND AND NOT (a->>'sure')::boolean THEN RETURN '{"state": "unknown"}'; END IF;
  refusal := wm_command_refusal(a, s);
  waits := turn IS NOT NULL AND a->>'command' = 'write' AND refusal IS NULL;
  INSERT INTO conversation_input AS i (kind, event_id, phone_number, address, partition, state, payload, received_at, trace)
    VALUES ('command', a->>'event_id', phone, coalesce(s.address, ''), (a->>'partition')::int,
            CASE WHEN waits THEN 'parked' ELSE 'taken' END, a->'payload', (a->>'received_at')::timestamptz, a->>'trace')
    ON CONFLICT (kind, event_id) DO UPDATE SET state = EXCLUDED.state
      WHERE i.state = 'parked' AND EXCLUDED.state = 'taken';
  IF NOT FOUND THEN RETURN '{"state": "done"}'; END IF;
  IF waits THEN
    PERFORM wm_tell_command(s, (a->>'partition')::int, a->>'event_id', NULL);
    RETURN '{"state": "held"}';
  END IF;
  IF refusal IS NOT NULL THEN
    PERFORM wm_end_command(a->>'event_id', refusal || '{"state": "refused"}');
    PERFORM wm_tell_command(s, (a->>'partition')::int, a->>'event_id', NULL);
    RETURN '{"state": "refused"}';
  END IF;
  IF a->>'command' = 'erase' THEN
    changed := wm_erase(phone, (a->>'partition')::int, a->>'event_id');
    UPDATE conversation_input SET payload = '{"command": "erase"}' WHERE kind = 'command' AND event_id = a->>'event_id';
    PERFORM wm_end_command(a->>'event_id', jsonb_build_object('state', 'done', 'changed', changed));
    RETURN '{"state": "done"}';
  END IF;
  IF a->>'command' = 'write' THEN
    INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, request_id, rule)
      VALUES (phone, s.id, (a->>'partition')::int, 'write', 'begun', a->>'request_id',
              jsonb_build_object('write', a->'payload')) RETURNING id INTO turn;
    UPDATE conversation_input SET turn_id = turn WHERE kind = 'command' AND event_id = a->>'event_id';
    PERFORM wm_tell_command(s, (a->>'partition')::int, a->>'event_id', turn);
    RETURN jsonb_build_object('state', 'begun', 'turn', wm_turn(turn));
  END IF;
  changed := wm_command_change(a, s, told);
  IF changed AND turn IS NOT NULL AND a->>'command' IN ('close', 'escalate') THEN PERFORM wm_silence(turn); END IF;
  PERFORM wm_end_command(a->>'event_id', jsonb_build_object('state', 'done', 'changed', changed));
  PERFORM wm_tell_command(s, (a->>'partition')::int, a->>'event_id', NULL);
  RETURN '{"state": "done"}';
END $$;
