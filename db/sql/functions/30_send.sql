-- The agent answered: its reply is stored and its messages planned, the first one intended at once.
-- a: partition, epoch, turn_id, reply, text, seconds, summary, duration_secs, details,
--    caught_up: the agent was told what was said while a person stood in,
--    then: the status that the agent gives the conversation (closed, escalated), null where it stays as it is,
--    parts [{own_id, to_address, body, content}], problem {what, code, reason} where the reply is not the agent's,
--    brief: whoever answers knows the turn, so it is given whole only where it was answered before; without it, which is
--    how older workers ask, always
CREATE OR REPLACE FUNCTION wm_answer(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t conversation_turn; told jsonb; may_send boolean;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  SELECT * INTO t FROM conversation_turn WHERE id = (a->>'turn_id')::bigint FOR UPDATE;
  IF t.state <> 'begun' THEN RETURN jsonb_build_object('state', 'answered', 'turn', wm_turn(t.id)); END IF;
  UPDATE conversation_turn SET state = 'answered', reply = a->'reply', answered_at = clock_timestamp() WHERE id = t.id
    RETURNING answered_at INTO t.answered_at;
  may_send := wm_may_send(t) AND NOT wm_is_behind(t);  -- where not, the first message stays planned: intending it will say so
  INSERT INTO conversation_send (own_id, turn_id, part, to_address, body, content, state, tries, intended_at)
    SELECT (p->>'own_id')::uuid, t.id, place - 1, p->>'to_address', p->>'body', nullif(p->'content', 'null'),
           CASE WHEN place = 1 AND may_send THEN 'intended' ELSE 'planned' END,
           CASE WHEN place = 1 AND may_send THEN 1 ELSE 0 END,
           CASE WHEN place = 1 AND may_send THEN clock_timestamp() END
    FROM jsonb_array_elements(a->'parts') WITH ORDINALITY AS x(p, place);
  told := jsonb_build_object('turn_id', t.id, 'kind', t.kind, 'reply', a->'reply', 'parts', a->'parts', 'rule', t.rule);
  IF a->'details' IS NOT NULL AND a->'details' <> 'null' THEN
    UPDATE conversation_state SET call_summary = a->>'summary', call_duration_secs = (a->>'duration_secs')::int,
      metadata = coalesce(metadata, '{}') || jsonb_build_object('details', a->'details') WHERE id = t.conversation_id;
    told := told || jsonb_build_object('call_summary', a->'summary', 'call_duration_secs', a->'duration_secs',
                                       'metadata', jsonb_build_object('details', a->'details'));
  END IF;
  IF a->'problem' IS NOT NULL AND a->'problem' <> 'null' THEN
    PERFORM wm_emit(t.conversation_id, t.partition, 'failed', told || (a->'problem'));
  ELSE
    PERFORM wm_emit(t.conversation_id, t.partition, 'answered',
                    told || jsonb_build_object('seconds', a->'seconds', 'text', a->>'text'));
  END IF;
  IF t.kind = 'call' AND (a->>'summary' IS NULL OR a->>'duration_secs' IS NULL) THEN PERFORM wm_look_up_later(t); END IF;
  IF (a->>'caught_up')::boolean THEN
    UPDATE conversation_state SET meanwhile_from = NULL WHERE id = t.conversation_id;
  END IF;
  IF a->>'then' IS NOT NULL THEN PERFORM wm_agent_ends(t, a->>'then'); END IF;
  IF jsonb_array_length(a->'parts') = 0 THEN PERFORM wm_end_turn(t.id, 'done', NULL); END IF;
  IF a->'brief' IS NULL THEN RETURN jsonb_build_object('state', 'answered', 'turn', wm_turn(t.id)); END IF;
  RETURN jsonb_build_object('state', 'answered', 'answered_at', wm_iso(t.answered_at), 'may_send', may_send);
END $$;

-- Right before a send: the last check that the number is still ours, and that the person still wants our messages.
-- a: partition, epoch, own_id, content: the template to send it as from now on, where it may no longer go as text
CREATE OR REPLACE FUNCTION wm_intend(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE o conversation_send; t conversation_turn;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  SELECT * INTO o FROM conversation_send WHERE own_id = (a->>'own_id')::uuid FOR UPDATE;
  IF o.sid IS NOT NULL THEN RETURN jsonb_build_object('state', 'sent', 'sid', o.sid); END IF;
  SELECT * INTO t FROM conversation_turn WHERE id = o.turn_id;
  IF NOT wm_may_send(t) THEN
    RETURN jsonb_build_object('state', 'suppressed', 'since', (SELECT wm_iso(since) FROM conversation_suppression
                                                               WHERE phone_number = t.phone_number));
  END IF;
  IF wm_is_behind(t) THEN
    PERFORM wm_leave_the_rest(t);
    RETURN '{"state": "behind"}';
  END IF;
  UPDATE conversation_send SET state = 'intended', tries = tries + 1, intended_at = clock_timestamp(),
    content = coalesce(nullif(a->'content', 'null'), content) WHERE own_id = o.own_id;
  RETURN '{"state": "intended"}';
END $$;

-- Twilio accepted a message. The last part ends the turn. a: partition, epoch, own_id, sid, status,
-- body: a template's text as Twilio filled it in
CREATE OR REPLACE FUNCTION wm_accept(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  PERFORM wm_accepted((a->>'own_id')::uuid, a->>'sid', a->>'status', a->>'body', clock_timestamp()::timestamp);
  RETURN '{"state": "accepted"}';
END $$;

-- Records, once, that Twilio has a message; happened: since when.
CREATE OR REPLACE FUNCTION wm_accepted(own uuid, message_sid text, told_status text, told_body text, happened timestamp)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE o conversation_send; t conversation_turn; since timestamp; answered jsonb; message int; is_last boolean; marks jsonb;
BEGIN
  UPDATE conversation_send SET state = 'accepted', sid = message_sid, accepted_at = happened,
    error_code = CASE WHEN state IN ('held', 'refused') THEN NULL ELSE error_code END,  -- why it was not sent, as we thought
    status = coalesce(status, told_status), body = coalesce(nullif(told_body, ''), body)
    WHERE own_id = own AND state <> 'accepted' RETURNING * INTO o;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT * INTO t FROM conversation_turn WHERE id = o.turn_id FOR UPDATE;
  marks := CASE t.kind WHEN 'write' THEN
      jsonb_build_object('by', 'operator', 'operator', t.rule->'write'->>'by') ELSE '{}' END
    || CASE WHEN t.replay IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('replay', t.replay) END;
  INSERT INTO conversation_messages (conversation_id, direction, content, twilio_message_id, elevenlabs_response,
      sent_at, delivered_at, read_at, metadata)
    VALUES (t.conversation_id, 'outbound', o.body, o.sid, t.reply, o.accepted_at, o.delivered_at, o.read_at,
      jsonb_build_object('own_id', o.own_id, 'turn_id', t.id, 'request_id', t.request_id)
      || marks) RETURNING id INTO message;
  UPDATE conversation_state SET message_count = coalesce(message_count, 0) + 1,
    last_message_at = greatest(last_message_at, happened),
    escalated_at = CASE t.kind WHEN 'write' THEN now() ELSE escalated_at END
    WHERE id = t.conversation_id;
  SELECT min(received_at), jsonb_agg(event_id ORDER BY position) INTO since, answered
    FROM conversation_input WHERE turn_id = t.id AND o.part = 0 AND kind = 'message';
  is_last := NOT EXISTS (SELECT 1 FROM conversation_send WHERE turn_id = t.id AND state <> 'accepted');
  PERFORM wm_emit(t.conversation_id, t.partition, 'sent', jsonb_build_object('own_id', o.own_id, 'sid', o.sid,
    'content', o.body, 'kind', CASE t.kind WHEN 'call' THEN 'first' WHEN 'write' THEN 'operator' ELSE 'reply' END,
    'response_seconds', extract(epoch FROM o.accepted_at - since), 'answers', coalesce(answered, '[]'),
    'turn_id', t.id, 'part', o.part, 'message_id', message, 'request_id', t.request_id, 'is_last', is_last,
    'marks', marks, 'error_code', o.error_code,
    'sent_at', wm_iso(o.accepted_at), 'delivered_at', wm_iso(o.delivered_at), 'read_at', wm_iso(o.read_at)));
  IF is_last THEN PERFORM wm_end_turn(t.id, 'done', NULL); END IF;
  PERFORM wm_take_reports(o.sid);
END $$;

-- A send that was left to an operator, because nobody knew whether Twilio took it, is proven: it was sent when it was
-- intended. Its turn is done, or, where parts behind it were never tried, goes on with them: the worker is reminded of it.
CREATE OR REPLACE FUNCTION wm_prove_held(o conversation_send, message_sid text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE t conversation_turn;
BEGIN
  PERFORM wm_accepted(o.own_id, message_sid, NULL, NULL, coalesce(o.intended_at, clock_timestamp()::timestamp));
  SELECT * INTO t FROM conversation_turn WHERE id = o.turn_id FOR UPDATE;
  IF t.state <> 'failed' OR wm_is_suppressed(t.phone_number) OR wm_is_superseded(t) OR wm_open_turn(t.phone_number) IS NOT NULL
    OR EXISTS (SELECT 1 FROM conversation_send WHERE turn_id = t.id AND part < o.part AND state <> 'accepted') THEN RETURN; END IF;
  UPDATE conversation_send SET state = 'planned', error_code = NULL WHERE turn_id = t.id AND state = 'held';
  UPDATE conversation_turn SET state = 'answered', error = NULL, ended_at = NULL, due_at = clock_timestamp(), holds = 0
    WHERE id = t.id;
  PERFORM wm_emit(t.conversation_id, t.partition, 'reopened', jsonb_build_object('turn_id', t.id, 'turn_state', 'answered'));
END $$;

-- A turn is put off: its partition goes on. Unless a send's outcome is unknown, nothing of it was sent that is not
-- recorded, so its open sends are planned again. Each time it waits longer.
-- a: partition, epoch, turn_id, unknown, first_seconds, longest_seconds, asked_seconds,
-- spared_seconds: it waits so long, no longer and no shorter, because the hour is not one for first messages
CREATE OR REPLACE FUNCTION wm_hold(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  IF a->>'spared_seconds' IS NOT NULL THEN
    UPDATE conversation_turn SET due_at = clock_timestamp() + make_interval(secs => (a->>'spared_seconds')::float),
      rule = coalesce(rule, '{}') || '{"waits": "quiet"}' WHERE id = (a->>'turn_id')::bigint AND state = 'begun';
    RETURN '{"state": "held"}';
  END IF;
  UPDATE conversation_turn SET holds = holds + 1, due_at = clock_timestamp() + make_interval(secs => least(
      (a->>'longest_seconds')::float, greatest((a->>'asked_seconds')::float,
      (a->>'first_seconds')::float * 2.0 ^ least(holds, 10))))
    WHERE id = (a->>'turn_id')::bigint AND state IN ('begun', 'answered');
  IF NOT (a->>'unknown')::boolean THEN
    UPDATE conversation_send SET state = 'planned'
      WHERE turn_id = (a->>'turn_id')::bigint AND state = 'intended' AND sid IS NULL;
  END IF;
  RETURN '{"state": "held"}';
END $$;

-- Refused for good: the turn fails and says why. a: partition, epoch, turn_id, what, code, reason, error,
-- suppress: the person wants no messages of ours
CREATE OR REPLACE FUNCTION wm_fail(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t conversation_turn;
BEGIN
  IF wm_fenced(a) THEN RETURN '{"state": "fenced"}'; END IF;
  SELECT * INTO t FROM conversation_turn WHERE id = (a->>'turn_id')::bigint FOR UPDATE;
  IF t.state IN ('done', 'failed') THEN RETURN '{"state": "failed"}'; END IF;
  UPDATE conversation_send SET state = coalesce(a->>'send_state', 'refused'), error_code = a->>'code'
    WHERE turn_id = t.id AND state IN ('planned', 'intended');
  PERFORM wm_emit(t.conversation_id, t.partition, 'failed',
    jsonb_build_object('what', a->>'what', 'code', a->>'code', 'reason', a->>'reason', 'turn_id', t.id,
                       'error', a->'error', 'send_state', coalesce(a->>'send_state', 'refused')));
  IF (a->>'suppress')::boolean THEN PERFORM wm_refused_by_person(t.conversation_id, t.partition, t.phone_number, a->>'code'); END IF;
  PERFORM wm_end_turn(t.id, 'failed', a->'error');
  RETURN '{"state": "failed"}';
END $$;

-- A delivery report, in any order, any number of times; it needs no epoch, because it only tells what Twilio did.
-- a: own_id, sid, status, rank, at: when it came, delivered, read, error_code, failed, reason: in words of ours,
--    vendor_words, suppress: the person wants no messages of ours, outside: it fell outside the 24-hour window,
--    passing: it was not delivered for a reason that passes
CREATE OR REPLACE FUNCTION wm_report(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE o conversation_send; t conversation_turn; message int; told jsonb; happened timestamp; slowed boolean;
BEGIN
  happened := coalesce((a->>'at')::timestamptz AT TIME ZONE 'UTC', clock_timestamp()::timestamp);
  -- Two statements, because one with OR reads the whole table: a report would cost more with every message ever sent.
  IF a->>'own_id' IS NOT NULL THEN
    SELECT * INTO o FROM conversation_send WHERE own_id = (a->>'own_id')::uuid FOR UPDATE;
  ELSE
    SELECT * INTO o FROM conversation_send WHERE sid = a->>'sid' FOR UPDATE;
  END IF;
  IF NOT FOUND THEN RETURN wm_keep_report(a); END IF;
  IF o.state = 'held' AND coalesce(o.sid, a->>'sid') IS NOT NULL THEN
    PERFORM wm_prove_held(o, coalesce(o.sid, a->>'sid'));
    SELECT * INTO o FROM conversation_send WHERE own_id = o.own_id;
  END IF;
  -- A send that was repeated after an unknown outcome may report under a second sid: it is noted, the first stays.
  IF o.status_rank >= (a->>'rank')::int AND o.sid IS NOT NULL THEN RETURN '{"state": "known"}'; END IF;
  UPDATE conversation_send SET sid = coalesce(sid, a->>'sid'), status = a->>'status',
    status_rank = greatest(status_rank, (a->>'rank')::int), error_code = coalesce(a->>'error_code', error_code),
    delivered_at = CASE WHEN (a->>'delivered')::bool THEN coalesce(delivered_at, happened) ELSE delivered_at END,
    read_at = CASE WHEN (a->>'read')::bool THEN coalesce(read_at, happened) ELSE read_at END
    WHERE own_id = o.own_id RETURNING * INTO o;
  SELECT * INTO t FROM conversation_turn WHERE id = o.turn_id;
  UPDATE conversation_messages SET delivered_at = o.delivered_at, read_at = o.read_at
    WHERE conversation_id = t.conversation_id AND twilio_message_id = o.sid RETURNING id INTO message;
  told := jsonb_build_object('sid', o.sid, 'own_id', o.own_id, 'status', a->>'status', 'rank', o.status_rank,
    'message_id', message, 'delivered_at', wm_iso(o.delivered_at), 'read_at', wm_iso(o.read_at), 'turn_id', t.id,
    'kind', CASE t.kind WHEN 'call' THEN 'first' ELSE 'reply' END);
  IF (a->>'failed')::bool THEN
    slowed := CASE WHEN (a->>'passing')::boolean THEN wm_slowed(o, t) ELSE false END;
    PERFORM wm_emit(t.conversation_id, t.partition, 'failed', told || jsonb_build_object('what', 'delivery',
      'code', a->>'error_code', 'reason', a->>'reason', 'vendor_words', a->>'vendor_words',
      'again', slowed));
    IF (a->>'suppress')::boolean THEN
      PERFORM wm_refused_by_person(t.conversation_id, t.partition, t.phone_number, a->>'error_code');
    END IF;
    -- Once more, as a template: one that was a template, or that is this very repetition, is not repeated.
    IF (a->>'outside')::boolean AND o.content IS NULL AND t.kind <> 'again' THEN
      UPDATE conversation_turn SET again = 'wanted' WHERE id = t.id AND again IS NULL;
    END IF;
  ELSE
    PERFORM wm_emit(t.conversation_id, t.partition, 'delivered', told);
  END IF;
  RETURN '{"state": "noted"}';
END $$;
