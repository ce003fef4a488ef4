-- Reports that carry no id of ours wait for their message here; they come where Twilio's sender itself has a status
-- callback. Most are of messages that are none of ours (Twilio's own replies): they go after a day.

-- A report and the acceptance of its message that meet take turns, so that neither misses the other.
CREATE OR REPLACE FUNCTION wm_lock_sid(sid text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('wm_sid:' || sid, 0))
$$;

-- Keep a report whose message is not known (yet). a: as of wm_report
CREATE OR REPLACE FUNCTION wm_keep_report(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF a->>'own_id' IS NULL AND a->>'sid' IS NOT NULL THEN
    PERFORM wm_lock_sid(a->>'sid');
    IF EXISTS (SELECT 1 FROM conversation_send WHERE sid = a->>'sid') THEN RETURN wm_report(a); END IF;
    DELETE FROM conversation_early_report WHERE received_at < clock_timestamp()::timestamp - interval '1 day';
    INSERT INTO conversation_early_report (sid, rank, report)
      VALUES (a->>'sid', (a->>'rank')::int, a) ON CONFLICT DO NOTHING;
  END IF;
  RETURN '{"state": "unknown"}';
END $$;

-- A message's id is known now: what was reported of it before is taken up.
CREATE OR REPLACE FUNCTION wm_take_reports(message_sid text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE early jsonb;
BEGIN
  PERFORM wm_lock_sid(message_sid);
  FOR early IN DELETE FROM conversation_early_report WHERE sid = message_sid RETURNING report LOOP
    PERFORM wm_report(early);
  END LOOP;
END $$;
