-- WhatsApp takes about one message per 6 s to one person (Meta's 131056, Twilio's 63018); what is too much is accepted and fails
-- later, by a report. It is sent once more, in its order: whatever the number has behind it waits for it.

-- A report says that a message was not delivered, for a reason that passes; true where it is to be sent once more. What was
-- said a day ago is not said any more.
CREATE OR REPLACE FUNCTION wm_slowed(o conversation_send, t conversation_turn) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF o.delivered_at IS NOT NULL OR o.again IS NOT NULL
    OR coalesce((t.rule->'again'->>'since')::timestamp, t.begun_at) < now() - interval '1 day' THEN RETURN false; END IF;
  UPDATE conversation_send SET again = 'wanted' WHERE own_id = o.own_id;
  UPDATE conversation_turn SET again = 'slow' WHERE id = t.id;
  RETURN true;
END $$;

-- Whether a message of a turn must wait behind one that came back: of the same turn, or of an earlier one of the number.
CREATE OR REPLACE FUNCTION wm_is_behind(t conversation_turn) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT 1 FROM conversation_turn s WHERE s.phone_number = t.phone_number AND s.again = 'slow'
                 AND (s.id = t.id OR (s.id < t.id AND t.kind <> 'again')))
$$;

-- Then the rest of its turn goes out behind it, in a turn that will begin.
CREATE OR REPLACE FUNCTION wm_leave_the_rest(t conversation_turn) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversation_send SET state = 'refused', again = 'wanted'
    WHERE turn_id = t.id AND state IN ('planned', 'intended') AND sid IS NULL;
  UPDATE conversation_turn SET again = 'slow' WHERE id = t.id;
  PERFORM wm_end_turn(t.id, 'done', NULL);
END $$;

-- Which turn first said what a turn says: itself, or the one that it repeats.
CREATE OR REPLACE FUNCTION wm_root(t conversation_turn) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce((t.rule->'again'->>'turn_id')::bigint, t.id)
$$;

-- Begins the turn that sends once more what came back of the earliest turn, in its order. It waits for its time: 12 s, which is
-- two messages' worth, then twice as long each time, up to an hour. Null where there is nothing.
CREATE OR REPLACE FUNCTION wm_begin_slow(phone text, in_partition int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE first conversation_turn; failed bigint[]; parts jsonb; before int; said_at timestamp; turn bigint;
BEGIN
  SELECT t.* INTO first FROM conversation_turn t WHERE t.phone_number = phone AND t.again = 'slow'
    ORDER BY wm_root(t), t.id LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT array_agg(t.id), max(coalesce((t.rule->'again'->>'times')::int, 0)),
      min(coalesce((t.rule->'again'->>'since')::timestamp, t.begun_at)) INTO failed, before, said_at
    FROM conversation_turn t WHERE t.phone_number = phone AND t.again = 'slow' AND wm_root(t) = wm_root(first);
  SELECT jsonb_agg(jsonb_build_object('own_id', own_id, 'turn_id', turn_id, 'body', body, 'content', content,
      'is_sent', is_sent, 'place', place) ORDER BY place) INTO parts
    FROM (SELECT o.own_id, o.turn_id, o.body, o.content, o.sid IS NOT NULL AS is_sent,
            coalesce((t.rule->'again'->'parts'->o.part->>'place')::int, o.part) AS place
          FROM conversation_send o JOIN conversation_turn t ON t.id = o.turn_id
          WHERE o.turn_id = ANY(failed) AND o.again = 'wanted') came_back;
  UPDATE conversation_send SET again = 'taken' WHERE turn_id = ANY(failed) AND again = 'wanted';
  UPDATE conversation_turn SET again = 'taken' WHERE id = ANY(failed);
  INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, request_id, due_at, rule)
    SELECT phone, first.conversation_id, in_partition, 'again', 'begun', first.request_id,
           clock_timestamp() + make_interval(secs => least(3600, 12 * 2.0 ^ least(before, 10))),
           jsonb_build_object('again', jsonb_build_object('turn_id', wm_root(first), 'kind', first.kind, 'parts', parts,
             'times', before + 1, 'since', said_at::text))
    RETURNING id INTO turn;
  RETURN turn;
END $$;

-- The turn of a number that nothing may begin before.
CREATE OR REPLACE FUNCTION wm_first_turn(phone text, in_partition int) RETURNS bigint LANGUAGE sql AS $$
  SELECT coalesce(wm_open_turn(phone), wm_begin_slow(phone, in_partition))
$$;
