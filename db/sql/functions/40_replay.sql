-- What a replayed event does beyond the ordinary steps. It stands in its number's mailbox like any other event.

-- The number has said something later that reached the client, or a later call began the conversation anew.
CREATE OR REPLACE FUNCTION wm_is_superseded(t conversation_turn) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT 1 FROM conversation_turn n WHERE n.phone_number = t.phone_number AND n.id > t.id
    AND (n.kind = 'call' OR EXISTS (SELECT 1 FROM conversation_send o WHERE o.turn_id = n.id AND o.sid IS NOT NULL)))
$$;

-- A replayed event of a number that waits for its time waits, too; the reminders take it up when the number is free.
CREATE OR REPLACE FUNCTION wm_wait_replayed(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO conversation_replay_waiting (phone_number, partition, kind, event_id, replay)
    VALUES (a->>'phone_number', (a->>'partition')::int, a->>'kind', a->>'event_id', coalesce(a->>'replay', ''))
    ON CONFLICT DO NOTHING;
  RETURN '{"state": "held"}';
END $$;

CREATE OR REPLACE FUNCTION wm_waits_no_more(a jsonb) RETURNS void LANGUAGE sql AS $$
  DELETE FROM conversation_replay_waiting WHERE phone_number = a->>'phone_number' AND kind = a->>'kind'
    AND event_id = a->>'event_id' AND replay = coalesce(a->>'replay', '')
$$;

-- A failed turn goes on at the step at which it failed, if nothing later was answered: its refused messages are planned
-- again, one of unknown outcome is looked for first. A call that was turned down is forgotten, to begin like a new one.
-- a: partition, epoch, phone_number, kind, event_id
CREATE OR REPLACE FUNCTION wm_reopen(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t conversation_turn; busy bigint; was_answered boolean; call jsonb;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  busy := wm_open_turn(a->>'phone_number');
  IF busy IS NOT NULL THEN
    IF wm_is_held(busy) THEN RETURN wm_wait_replayed(a); END IF;
    RETURN jsonb_build_object('state', 'open', 'turn', wm_turn(busy));
  END IF;
  PERFORM wm_waits_no_more(a);
  SELECT t2.* INTO t FROM conversation_input i JOIN conversation_turn t2 ON t2.id = i.turn_id
    WHERE i.kind = a->>'kind' AND i.event_id = a->>'event_id' FOR UPDATE OF t2;
  IF NOT FOUND OR t.state <> 'failed' THEN RETURN '{"state": "done"}'; END IF;
  IF wm_is_suppressed(t.phone_number) THEN RETURN '{"state": "suppressed"}'; END IF;
  IF wm_is_superseded(t) THEN RETURN '{"state": "superseded"}'; END IF;
  was_answered := EXISTS (SELECT 1 FROM conversation_send WHERE turn_id = t.id);
  IF t.kind = 'call' AND t.reply IS NULL AND NOT was_answered THEN
    SELECT payload INTO call FROM conversation_input WHERE turn_id = t.id AND kind = 'call';
    DELETE FROM conversation_input WHERE turn_id = t.id;
    DELETE FROM conversation_turn WHERE id = t.id;
    RETURN jsonb_build_object('state', 'forgotten', 'call', call);
  END IF;
  UPDATE conversation_turn SET state = CASE WHEN was_answered THEN 'answered' ELSE 'begun' END, error = NULL,
    ended_at = NULL, due_at = NULL, holds = 0 WHERE id = t.id;
  UPDATE conversation_send SET state = CASE state WHEN 'held' THEN 'intended' ELSE 'planned' END, error_code = NULL
    WHERE turn_id = t.id AND state IN ('refused', 'held');
  PERFORM wm_emit(t.conversation_id, t.partition, 'reopened', jsonb_build_object('turn_id', t.id,
    'turn_state', CASE WHEN was_answered THEN 'answered' ELSE 'begun' END));
  RETURN jsonb_build_object('state', 'begun', 'turn', wm_turn(t.id));
END $$;

-- A done event is done once more, because somebody asked for it by name: the agent is asked and the client is written to
-- again. Once a replay. a: partition, epoch, phone_number, kind, event_id, replay
CREATE OR REPLACE FUNCTION wm_repeat(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t conversation_turn; i conversation_input; busy bigint; turn bigint; current_call text;
  identity text := 'replay:' || (a->>'replay') || ':' || md5(a->>'event_id');
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  busy := wm_open_turn(a->>'phone_number');
  IF busy IS NOT NULL THEN
    IF wm_is_held(busy) THEN RETURN wm_wait_replayed(a); END IF;
    RETURN jsonb_build_object('state', 'open', 'turn', wm_turn(busy));
  END IF;
  PERFORM wm_waits_no_more(a);
  SELECT * INTO i FROM conversation_input WHERE kind = a->>'kind' AND event_id = a->>'event_id';
  SELECT * INTO t FROM conversation_turn WHERE id = i.turn_id;
  IF t.id IS NULL OR t.conversation_id IS NULL THEN RETURN '{"state": "unknown"}'; END IF;
  IF wm_is_suppressed(t.phone_number) THEN RETURN '{"state": "suppressed"}'; END IF;
  SELECT elevenlabs_conversation_id INTO current_call FROM conversation_state WHERE id = t.conversation_id FOR UPDATE;
  IF t.kind = 'call' AND current_call <> i.event_id THEN RETURN '{"state": "superseded"}'; END IF;
  INSERT INTO conversation_input (kind, event_id, phone_number, address, partition, state, payload, received_at)
    VALUES (i.kind, identity, i.phone_number, i.address, (a->>'partition')::int, 'taken', i.payload,
            clock_timestamp()) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN '{"state": "done"}'; END IF;
  INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, request_id, replay)
    VALUES (t.phone_number, t.conversation_id, (a->>'partition')::int, t.kind, 'begun', t.request_id, a->>'replay')
    RETURNING id INTO turn;
  UPDATE conversation_input SET turn_id = turn WHERE kind = i.kind AND event_id = identity RETURNING * INTO i;
  PERFORM wm_emit(t.conversation_id, (a->>'partition')::int, 'repeated', jsonb_build_object('turn_id', turn,
    'kind', t.kind, 'replay', a->>'replay', 'input', to_jsonb(i), 'request_id', t.request_id));
  RETURN jsonb_build_object('state', 'begun', 'turn', wm_turn(turn));
END $$;
