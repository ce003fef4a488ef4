-- The rules of a conversation that need its rows: who may be written to, who speaks, what a turn's messages change.
-- What a message means is decided before (streams/conversation/keywords.py) and stands in its payload as `intent`.

-- The number asked for no more messages.
CREATE OR REPLACE FUNCTION wm_is_suppressed(phone text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT 1 FROM conversation_suppression WHERE phone_number = phone)
$$;

-- Whether a turn's messages may be sent: nothing goes to a suppressed number but the one confirmation of its STOP.
CREATE OR REPLACE FUNCTION wm_may_send(t conversation_turn) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT NOT wm_is_suppressed(t.phone_number) OR coalesce(t.rule->>'notice' = 'opted_out', false)
$$;

-- Suppresses a number; true when this very event did it, so that it is told and confirmed once.
CREATE OR REPLACE FUNCTION wm_suppress(phone text, cause text, event text, at timestamp) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO conversation_suppression (phone_number, source, event_id, since) VALUES (phone, cause, event, at)
    ON CONFLICT DO NOTHING;
  RETURN (SELECT event_id = event FROM conversation_suppression WHERE phone_number = phone);
END $$;

-- A STOP counts from the moment it arrives, also while its number's mailbox is busy; its turn tells and confirms it.
-- One that has had its turn is not counted again. It needs no epoch: it only keeps us silent.
-- a: phone_number, event_id, received_at
CREATE OR REPLACE FUNCTION wm_stop_arrived(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM conversation_input WHERE kind = 'message' AND event_id = a->>'event_id';
  IF NOT FOUND THEN
    PERFORM wm_suppress(a->>'phone_number', 'client', a->>'event_id', (a->>'received_at')::timestamptz AT TIME ZONE 'UTC');
  END IF;
  RETURN '{"state": "noted"}';
END $$;

-- Twilio refused a message because the person wants none of ours. code: Twilio's.
CREATE OR REPLACE FUNCTION wm_refused_by_person(conversation int, part int, phone text, code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF wm_is_suppressed(phone) THEN RETURN; END IF;
  PERFORM wm_suppress(phone, 'twilio', code, clock_timestamp()::timestamp);
  PERFORM wm_emit(conversation, part, 'opted_out', jsonb_build_object('by', 'twilio', 'code', code));
END $$;

-- Who speaks in a conversation changes: active (the agent), escalated (a person), closed (nobody). event_data: by (client,
-- agent, operator, silence, time) and what else is known of the reason.
-- A person stands in from the newest message on; the agent is told what was said meanwhile when it is asked again.
CREATE OR REPLACE FUNCTION wm_change_status(conversation int, part int, new_status text, event_data jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE before text;
BEGIN
  SELECT status INTO before FROM conversation_state WHERE id = conversation FOR UPDATE;
  IF NOT FOUND OR before = new_status THEN RETURN false; END IF;
  UPDATE conversation_state SET status = new_status,
    closed_at = CASE new_status WHEN 'closed' THEN clock_timestamp() END,
    escalated_at = CASE new_status WHEN 'escalated' THEN clock_timestamp() ELSE escalated_at END,
    meanwhile_from = CASE new_status WHEN 'escalated' THEN
      (SELECT coalesce(max(id), 0) FROM conversation_messages WHERE conversation_id = conversation) ELSE meanwhile_from END
    WHERE id = conversation;
  PERFORM wm_emit(conversation, part, CASE new_status WHEN 'active' THEN 'resumed' ELSE new_status END, event_data);
  RETURN true;
END $$;

-- The agent ends the conversation or asks for a person, unless somebody has taken it out of its hands already.
CREATE OR REPLACE FUNCTION wm_agent_ends(t conversation_turn, new_status text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM conversation_state WHERE id = t.conversation_id AND status = 'active' FOR UPDATE;
  IF FOUND THEN
    PERFORM wm_change_status(t.conversation_id, t.partition, new_status, jsonb_build_object('by', 'agent', 'turn_id', t.id));
  END IF;
END $$;

-- Silence ends a conversation; one that a person no longer looks after goes back to the agent. It needs no epoch: only the
-- row decides, and its lock is asked for, not waited for. a: idle_seconds, resume_seconds (null: never), most
CREATE OR REPLACE FUNCTION wm_end_silences(a jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE s record; ended int := 0;
BEGIN
  FOR s IN SELECT c.id, c.status, c.phone_number,
      (SELECT t.partition FROM conversation_turn t WHERE t.conversation_id = c.id ORDER BY t.id DESC LIMIT 1) AS part
    FROM conversation_state c
    WHERE ((c.status = 'active' AND c.last_message_at < now() - make_interval(secs => (a->>'idle_seconds')::float))
        OR (c.status = 'escalated' AND c.escalated_at < now() - make_interval(secs => (a->>'resume_seconds')::float)))
      AND wm_open_turn(c.phone_number) IS NULL
      AND NOT EXISTS (SELECT 1 FROM conversation_input i WHERE i.phone_number = c.phone_number AND i.state = 'parked')
    ORDER BY c.id LIMIT (a->>'most')::int FOR UPDATE OF c SKIP LOCKED
  LOOP
    CONTINUE WHEN s.part IS NULL;  -- the backend's own row, which has had no turn here
    IF s.status = 'active' THEN PERFORM wm_change_status(s.id, s.part, 'closed', '{"by": "silence"}');
    ELSE PERFORM wm_change_status(s.id, s.part, 'active', '{"by": "time"}');
    END IF;
    ended := ended + 1;
  END LOOP;
  RETURN ended;
END $$;

-- The backend is told by HTTP, too: written with the event, so that it cannot be forgotten. Which of these are posted is a
-- setting of the worker's.
CREATE OR REPLACE FUNCTION wm_tell_backend(part int, event jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO conversation_backend_post (partition, payload) VALUES (part, event)
$$;

-- What a turn's messages change, in their order, and what follows for the turn:
--   notice: the text that is sent besides an answer: opted_out, opted_in, escalated, or none;
--   silent: the agent is not asked; keywords: messages that were commands to us, not questions to the agent.
-- Null for an ordinary turn. was: the conversation's status before.
CREATE OR REPLACE FUNCTION wm_rule(turn bigint, conversation int, phone text, part int, was text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE item record; notice text; keywords jsonb := '[]'; escalated boolean := was = 'escalated'; silent boolean;
BEGIN
  FOR item IN SELECT event_id, payload->'intent'->>'kind' AS kind, (payload->'intent'->>'replied')::boolean AS replied,
      received_at AS at
    FROM conversation_input WHERE turn_id = turn AND payload ? 'intent' ORDER BY position
  LOOP
    IF item.kind = 'stop' AND wm_suppress(phone, 'client', item.event_id, item.at) THEN
      notice := CASE WHEN NOT item.replied THEN 'opted_out' END;
      PERFORM wm_emit(conversation, part, 'opted_out', jsonb_build_object('by', 'client', 'message_sid', item.event_id));
    ELSIF item.kind = 'start' THEN
      DELETE FROM conversation_suppression WHERE phone_number = phone AND since <= item.at;
      CONTINUE WHEN NOT FOUND;  -- nothing to undo: an ordinary message
      notice := CASE WHEN NOT item.replied THEN 'opted_in' END;
      PERFORM wm_emit(conversation, part, 'opted_in', jsonb_build_object('by', 'client', 'message_sid', item.event_id));
    ELSIF item.kind = 'handoff' THEN
      CONTINUE WHEN escalated OR wm_is_suppressed(phone);
      escalated := true;
      notice := 'escalated';
      PERFORM wm_change_status(conversation, part, 'escalated',
        jsonb_build_object('by', 'client', 'message_sid', item.event_id));
    END IF;
    keywords := keywords || to_jsonb(item.event_id);
  END LOOP;
  silent := escalated OR wm_is_suppressed(phone)
    OR jsonb_array_length(keywords) = (SELECT count(*) FROM conversation_input WHERE turn_id = turn);
  IF NOT silent AND notice IS NULL AND keywords = '[]' THEN RETURN NULL; END IF;
  RETURN jsonb_build_object('notice', notice, 'silent', silent, 'keywords', keywords);
END $$;

-- A call that begins no conversation: the number asked for no more messages (409), or calls that end like this begin none
-- (a setting). It is remembered, and whoever waits for its outcome is told.
CREATE OR REPLACE FUNCTION wm_turn_call_down(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE turn bigint; refused conversation_suppression; problem jsonb;
BEGIN
  SELECT * INTO refused FROM conversation_suppression WHERE phone_number = a->>'phone_number';
  INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, request_id)
    VALUES (a->>'phone_number', (SELECT id FROM conversation_state WHERE phone_number = a->>'phone_number'),
            (a->>'partition')::int, 'call', 'begun', a->>'request_id') RETURNING id INTO turn;
  UPDATE conversation_input SET turn_id = turn WHERE kind = 'call' AND event_id = a->>'event_id';
  IF refused.phone_number IS NOT NULL THEN
    problem := jsonb_build_object('status', 409, 'error', 'The number has opted out', 'details',
      format('%s asked for no more messages on %s; ALTA or START from that number undoes it',
             refused.phone_number, to_char(refused.since, 'YYYY-MM-DD')));
  END IF;
  PERFORM wm_end_turn(turn, CASE WHEN problem IS NULL THEN 'done' ELSE 'failed' END, problem);
  RETURN jsonb_build_object('state', CASE WHEN problem IS NULL THEN 'skipped' ELSE 'suppressed' END);
END $$;

-- A campaign's first messages begin one after the other: true where this one waits for its time. a: batch_id, pace_seconds
CREATE OR REPLACE FUNCTION wm_pace(turn bigint, a jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE at timestamp; pace interval := make_interval(secs => (a->>'pace_seconds')::float);
BEGIN
  IF pace IS NULL OR a->>'batch_id' IS NULL THEN RETURN false; END IF;
  INSERT INTO conversation_campaign AS c (batch_id, next_at) VALUES (left(a->>'batch_id', 255), clock_timestamp() + pace)
    ON CONFLICT (batch_id) DO UPDATE SET next_at = greatest(c.next_at, clock_timestamp()) + pace RETURNING next_at - pace INTO at;
  IF at <= clock_timestamp() + interval '1 second' THEN RETURN false; END IF;  -- not worth a wait that is looked after
  UPDATE conversation_turn SET due_at = at, rule = '{"waits": "pace"}' WHERE id = turn;
  RETURN true;
END $$;

-- A client who writes need not be spared or paced any more: a first message that waits for its time goes out now.
CREATE OR REPLACE FUNCTION wm_release(turn bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversation_turn SET due_at = NULL, rule = rule - 'waits' WHERE id = turn AND rule ? 'waits';
  RETURN FOUND;
END $$;

-- A message that fell outside the 24-hour window (Twilio said so afterwards) is sent once more, in a turn of its own.
-- a: partition, epoch, phone_number
CREATE OR REPLACE FUNCTION wm_begin_again(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE phone text := a->>'phone_number'; failed conversation_turn; turn bigint;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  IF wm_first_turn(phone, (a->>'partition')::int) IS NOT NULL THEN RETURN '{"state": "held"}'; END IF;
  UPDATE conversation_turn SET again = 'taken' WHERE id = (SELECT id FROM conversation_turn
    WHERE partition = (a->>'partition')::int AND again = 'wanted' AND phone_number = phone ORDER BY id LIMIT 1)
    RETURNING * INTO failed;
  IF NOT FOUND THEN RETURN '{"state": "done"}'; END IF;
  INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, request_id, rule)
    SELECT phone, failed.conversation_id, (a->>'partition')::int, 'again', 'begun', failed.request_id,
           jsonb_build_object('again', jsonb_build_object('turn_id', failed.id, 'kind', failed.kind,
             'text', (SELECT string_agg(body, E'\n' ORDER BY part) FROM conversation_send
                      WHERE turn_id = failed.id AND content IS NULL AND state = 'accepted')))
    RETURNING id INTO turn;
  RETURN jsonb_build_object('state', 'begun', 'turn', wm_turn(turn));
END $$;

-- ElevenLabs did not have the call's summary or duration yet: it is asked again, or tells us itself.
CREATE OR REPLACE FUNCTION wm_look_up_later(t conversation_turn) RETURNS void LANGUAGE sql AS $$
  INSERT INTO conversation_lookup (conversation_id, elevenlabs_conversation_id, partition, due_at)
    SELECT id, elevenlabs_conversation_id, t.partition, now() FROM conversation_state
    WHERE id = t.conversation_id AND elevenlabs_conversation_id <> ''
    ON CONFLICT DO NOTHING
$$;

-- What ElevenLabs tells of a call later: summary and duration are filled in, never taken back. It needs no epoch, because
-- it only adds what is missing. a: elevenlabs_conversation_id, summary, duration_secs, details, is_whole
CREATE OR REPLACE FUNCTION wm_call_details(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE s conversation_state; part int;
BEGIN
  SELECT * INTO s FROM conversation_state WHERE elevenlabs_conversation_id = a->>'elevenlabs_conversation_id' FOR UPDATE;
  IF NOT FOUND THEN RETURN '{"state": "unknown"}'; END IF;
  IF (a->>'is_whole')::boolean THEN
    DELETE FROM conversation_lookup WHERE conversation_id = s.id
      AND elevenlabs_conversation_id = s.elevenlabs_conversation_id;
  END IF;
  SELECT t.partition INTO part FROM conversation_turn t WHERE t.conversation_id = s.id ORDER BY t.id DESC LIMIT 1;
  IF part IS NULL OR (s.call_summary IS NOT NULL AND s.call_duration_secs IS NOT NULL) THEN
    RETURN '{"state": "known"}';
  END IF;
  UPDATE conversation_state SET call_summary = coalesce(call_summary, a->>'summary'),
    call_duration_secs = coalesce(call_duration_secs, (a->>'duration_secs')::int),
    metadata = coalesce(metadata, '{}') || jsonb_build_object('details', a->'details') WHERE id = s.id RETURNING * INTO s;
  PERFORM wm_emit(s.id, part, 'details', jsonb_build_object('call_summary', s.call_summary,
    'call_duration_secs', s.call_duration_secs, 'metadata', jsonb_build_object('details', a->'details')));
  RETURN '{"state": "noted"}';
END $$;

-- A message that quotes another says which: the text of the quoted one stands before its own.
CREATE OR REPLACE FUNCTION wm_quoting(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT input || jsonb_build_object('text', format(E'[En respuesta a %s]\n%s',
    coalesce((SELECT '«' || left(regexp_replace(m.content, '\s+', ' ', 'g'), 200) || '»' FROM conversation_messages m
              WHERE m.twilio_message_id = input->>'quotes' ORDER BY m.id LIMIT 1), 'un mensaje anterior'), input->>'text'))
$$;
