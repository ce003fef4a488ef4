-- A number is erased: its conversation, messages, journal, what waits for it or is on its way. Kept are
--   its suppression, which keeps us silent;
--   the ids of its events without anything else, so that the log, delivered again, begins nothing anew;
--   a digest of the number with the time, so that no replay or rebuild brings anything back (conversation_erasure).
-- True where there was something. It is called in the number's own order, with no turn of it under way but a waiting one.
CREATE OR REPLACE FUNCTION wm_erase(phone text, part int, command text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE conversation int; forgotten int;
BEGIN
  SELECT id INTO conversation FROM conversation_state WHERE phone_number = phone FOR UPDATE;
  UPDATE conversation_input SET turn_id = NULL, phone_number = '', address = '', payload = '{}',
      state = CASE state WHEN 'parked' THEN 'unanswered' ELSE state END
    WHERE turn_id IN (SELECT id FROM conversation_turn WHERE conversation_id = conversation)
       OR turn_id IN (SELECT id FROM conversation_turn WHERE conversation_id IS NULL AND phone_number = phone)
       OR (phone_number = phone AND state = 'parked')
       OR (phone_number = phone AND (state = 'unanswered' OR kind = 'command'));
  -- The command itself is not something that there was.
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  DELETE FROM conversation_turn WHERE conversation_id IS NULL AND phone_number = phone;
  DELETE FROM conversation_spool WHERE key = phone;
  DELETE FROM conversation_dead_letter WHERE phone_number = phone;
  DELETE FROM conversation_replay_waiting WHERE phone_number = phone;
  DELETE FROM conversation_presence WHERE phone_number = phone;
  DELETE FROM conversation_backend_post WHERE payload->>'phone_number' = phone;
  DELETE FROM conversation_early_report WHERE report->>'phone_number' = phone;
  INSERT INTO conversation_erasure (number_digest, erased_at)
    VALUES (encode(sha256(convert_to(phone, 'UTF8')), 'hex'), clock_timestamp()::timestamp)
    ON CONFLICT (number_digest) DO UPDATE SET erased_at = EXCLUDED.erased_at;
  IF conversation IS NOT NULL THEN
    DELETE FROM conversation_outbox WHERE conversation_id = conversation;
    PERFORM wm_emit(conversation, part, 'erased', '{}');
    UPDATE conversation_outbox SET payload = payload || '{"state": {}}' WHERE conversation_id = conversation;
    DELETE FROM conversation_state WHERE id = conversation;  -- its messages, turns and sends go with it
  END IF;
  RETURN conversation IS NOT NULL OR forgotten > (SELECT count(*) FROM conversation_input WHERE kind = 'command' AND event_id = command);
END $$;
