-- A call ended: the conversation begins, or begins anew in the same row; its first message's turn begins.
-- a: partition, epoch, phone_number, address, event_id, received_at, payload, request_id, client_name, agent_id,
--    batch_id, recipient_id, started {event data}, starts: false where no conversation begins after such a call,
--    pace_seconds: between two first messages of a campaign, null for any number at once
CREATE OR REPLACE FUNCTION wm_begin_call(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE phone text := a->>'phone_number'; turn bigint; conversation int; snapshot jsonb; input conversation_input;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  turn := wm_first_turn(phone, (a->>'partition')::int);
  IF turn IS NOT NULL AND NOT wm_is_held(turn) THEN
    RETURN jsonb_build_object('state', 'open', 'turn', wm_turn(turn));
  END IF;
  INSERT INTO conversation_input AS i (kind, event_id, phone_number, address, partition, state, payload, received_at, trace)
    VALUES ('call', a->>'event_id', phone, a->>'address', (a->>'partition')::int,
            CASE WHEN turn IS NULL THEN 'taken' ELSE 'parked' END, a->'payload', (a->>'received_at')::timestamptz, a->>'trace')
    ON CONFLICT (kind, event_id) DO UPDATE SET state = EXCLUDED.state
      WHERE i.state = 'parked' AND EXCLUDED.state = 'taken';
  IF NOT FOUND THEN RETURN '{"state": "done"}'; END IF;
  IF turn IS NOT NULL THEN RETURN '{"state": "held"}'; END IF;
  IF wm_is_suppressed(phone) OR NOT coalesce((a->>'starts')::boolean, true) THEN RETURN wm_turn_call_down(a); END IF;
  INSERT INTO conversation_state AS s (phone_number, client_name, elevenlabs_conversation_id, agent_id, batch_id,
      recipient_id, status, started_at, last_message_at, address, metadata)
    VALUES (phone, left(a->>'client_name', 255), a->>'event_id', a->>'agent_id', left(a->>'batch_id', 255),
      left(a->>'recipient_id', 255), 'active', now(), now(), a->>'address',
      jsonb_build_object('call', a->'payload'))
    ON CONFLICT (phone_number) DO UPDATE SET client_name = EXCLUDED.client_name,
      elevenlabs_conversation_id = EXCLUDED.elevenlabs_conversation_id, agent_id = EXCLUDED.agent_id,
      batch_id = EXCLUDED.batch_id, recipient_id = EXCLUDED.recipient_id, status = 'active', closed_at = NULL,
      call_summary = NULL, call_duration_secs = NULL, started_at = now(), last_message_at = now(),
      address = EXCLUDED.address,
      metadata = (coalesce(s.metadata, '{}') - 'details' - 'agent_changed') || EXCLUDED.metadata || jsonb_build_object('calls',
        coalesce(s.metadata->'calls', '[]') || jsonb_build_array(jsonb_build_object(
          'elevenlabs_conversation_id', s.elevenlabs_conversation_id, 'agent_id', s.agent_id,
          'batch_id', s.batch_id, 'recipient_id', s.recipient_id, 'started_at', wm_iso(s.started_at),
          'call_summary', s.call_summary, 'call_duration_secs', s.call_duration_secs)))
    RETURNING id, to_jsonb(s) INTO conversation, snapshot;
  INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, request_id)
    VALUES (phone, conversation, (a->>'partition')::int, 'call', 'begun', a->>'request_id') RETURNING id INTO turn;
  UPDATE conversation_input SET turn_id = turn WHERE kind = 'call' AND event_id = a->>'event_id' RETURNING * INTO input;
  PERFORM wm_emit(conversation, (a->>'partition')::int, 'started', a->'started' || jsonb_build_object('turn_id', turn,
    'request_id', a->>'request_id', 'received_at', wm_iso(input.received_at), 'position', input.position, 'row', snapshot));
  IF wm_pace(turn, a) THEN RETURN '{"state": "held"}'; END IF;
  RETURN jsonb_build_object('state', 'begun', 'turn', wm_turn(turn));
END $$;

-- Messages begin a turn; those parked for the number come along, first. Its members are fixed here.
-- A call or a command that was parked behind a held turn keeps its place: what was parked before it is answered before.
-- a: partition, epoch, phone_number, request_id, inputs [{event_id, address, received_at, payload, text, trace}]
CREATE OR REPLACE FUNCTION wm_begin_reply(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE phone text := a->>'phone_number'; turn bigint; conversation int; item conversation_input; message int;
  next_call conversation_input; was text; decided jsonb; commands boolean := false; marks jsonb;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  turn := wm_first_turn(phone, (a->>'partition')::int);
  IF turn IS NOT NULL THEN
    IF NOT wm_is_held(turn) OR (jsonb_array_length(a->'inputs') > 0 AND wm_release(turn)) THEN
      RETURN jsonb_build_object('state', 'open', 'turn', wm_turn(turn));
    END IF;
    PERFORM wm_add_inputs(a, 'parked');
    RETURN '{"state": "held"}';
  END IF;
  SELECT id, status INTO conversation, was FROM conversation_state WHERE phone_number = phone FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"state": "unknown"}'; END IF;
  PERFORM wm_add_inputs(a, 'parked');
  SELECT * INTO next_call FROM conversation_input WHERE phone_number = phone AND state = 'parked' AND kind <> 'message'
    ORDER BY position LIMIT 1;
  INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, request_id)
    SELECT phone, conversation, (a->>'partition')::int, 'reply', 'begun', a->>'request_id'
    WHERE EXISTS (SELECT 1 FROM conversation_input WHERE phone_number = phone AND state = 'parked'
                  AND (next_call.position IS NULL OR position < next_call.position))
    RETURNING id INTO turn;
  IF turn IS NULL AND next_call.position IS NOT NULL THEN
    RETURN jsonb_build_object('state', next_call.kind, next_call.kind, next_call.payload);
  END IF;
  IF turn IS NULL THEN RETURN '{"state": "done"}'; END IF;
  UPDATE conversation_input SET state = 'taken', turn_id = turn WHERE phone_number = phone AND state = 'parked'
    AND (next_call.position IS NULL OR position < next_call.position);
  UPDATE conversation_state SET message_count = coalesce(message_count, 0) + members, last_message_at = now(),
    last_inbound_at = greatest(last_inbound_at, newest_at), address = item_address,
    status = CASE status WHEN 'closed' THEN 'active' ELSE status END,
    closed_at = CASE status WHEN 'closed' THEN NULL ELSE closed_at END
    FROM (SELECT (array_agg(i.address ORDER BY position DESC))[1] AS item_address, count(*) AS members,
                 max(i.received_at) AS newest_at
          FROM conversation_input i WHERE i.turn_id = turn) newest WHERE id = conversation;
  FOR item IN SELECT * FROM conversation_input WHERE turn_id = turn ORDER BY position LOOP
    commands := commands OR item.payload ? 'intent';
    IF item.payload ? 'quotes' THEN
      item.payload := wm_quoting(item.payload);
      UPDATE conversation_input SET payload = item.payload WHERE kind = item.kind AND event_id = item.event_id;
    END IF;
    marks := wm_late(conversation, item);
    INSERT INTO conversation_messages (conversation_id, direction, content, twilio_message_id, sent_at, metadata)
      VALUES (conversation, 'inbound', item.payload->>'text', item.event_id, item.received_at,
              jsonb_build_object('turn_id', turn, 'request_id', item.payload->>'request_id') || marks) RETURNING id INTO message;
    PERFORM wm_emit(conversation, item.partition, 'received', jsonb_build_object('message_sid', item.event_id,
      'content', item.payload->>'text', 'received_at', wm_iso(item.received_at), 'turn_id', turn,
      'message_id', message, 'request_id', item.payload->>'request_id', 'address', item.address,
      'position', item.position) || marks || wm_files(item));
  END LOOP;
  IF commands OR was = 'escalated' OR wm_is_suppressed(phone) THEN
    decided := wm_rule(turn, conversation, phone, (a->>'partition')::int, was);
  END IF;
  IF decided IS NOT NULL THEN
    UPDATE conversation_turn SET rule = decided WHERE id = turn;
    PERFORM wm_emit(conversation, (a->>'partition')::int, 'decided', jsonb_build_object('turn_id', turn, 'rule', decided));
    IF (decided->>'silent')::boolean AND decided->>'notice' IS NULL THEN
      PERFORM wm_end_turn(turn, 'done', NULL);
      RETURN '{"state": "silent"}';
    END IF;
  END IF;
  RETURN jsonb_build_object('state', 'begun', 'turn', wm_turn(turn));
END $$;

-- How a message is marked that did not come by its webhook: backfilled, or brought by a replay or out of the dead letters
-- (which one); `late` when a newer one of its number was taken up before it.
CREATE OR REPLACE FUNCTION wm_late(conversation int, i conversation_input) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN (i.payload->>'backfilled')::bool OR i.payload ? 'replay' THEN jsonb_strip_nulls(jsonb_build_object(
    'backfilled', nullif((i.payload->>'backfilled')::bool, false), 'replay', i.payload->'replay',
    'late', EXISTS (SELECT 1 FROM conversation_messages m WHERE m.conversation_id = conversation AND m.direction = 'inbound'
      AND m.sent_at > i.received_at))) ELSE '{}'::jsonb END
$$;

-- The event of a message with files has Twilio's parameters, too: only they say where a file is, and the log may outlive
-- the client's own event.
CREATE OR REPLACE FUNCTION wm_files(i conversation_input) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN coalesce(i.payload->'params'->>'NumMedia', '0') <> '0'
    THEN jsonb_build_object('params', i.payload->'params') ELSE '{}'::jsonb END
$$;

-- Remembers events that are not remembered yet, in their order.
CREATE OR REPLACE FUNCTION wm_add_inputs(a jsonb, new_state text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO conversation_input (kind, event_id, phone_number, address, partition, state, payload, received_at, trace)
    SELECT 'message', i->>'event_id', a->>'phone_number', i->>'address', (a->>'partition')::int, new_state,
           i - 'trace', (i->>'received_at')::timestamptz, i->>'trace'
    FROM jsonb_array_elements(a->'inputs') WITH ORDINALITY AS x(i, place) ORDER BY place
    ON CONFLICT DO NOTHING
$$;

-- A message whose number has no conversation waits for its call. a: as wm_begin_reply
CREATE OR REPLACE FUNCTION wm_park(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  PERFORM 1 FROM conversation_state WHERE phone_number = a->>'phone_number';
  IF FOUND THEN RETURN '{"state": "known"}'; END IF;
  PERFORM wm_add_inputs(a, 'parked');
  RETURN '{"state": "parked"}';
END $$;

-- An unknown number whose grace is over gets a conversation with the configured agent, without a call.
-- a: partition, epoch, phone_number, agent_id, client_name, address
CREATE OR REPLACE FUNCTION wm_adopt(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE conversation int; snapshot jsonb;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  INSERT INTO conversation_state AS s (phone_number, client_name, elevenlabs_conversation_id, agent_id, address)
    VALUES (a->>'phone_number', a->>'client_name', '', a->>'agent_id', a->>'address')
    ON CONFLICT DO NOTHING RETURNING id, to_jsonb(s) INTO conversation, snapshot;
  IF conversation IS NOT NULL THEN
    PERFORM wm_emit(conversation, (a->>'partition')::int, 'started', jsonb_build_object(
      'client_name', a->>'client_name', 'agent_id', a->>'agent_id', 'elevenlabs_conversation_id', '', 'row', snapshot));
  END IF;
  RETURN '{"state": "adopted"}';
END $$;
