-- What is kept only for a time: messages for as long as a setting says, and what the journal remembers of turns that ended.

-- Messages of before: the count of their conversations follows. Rows are taken in their order, so that two processes do not
-- meet. Gives how many went. a: message_seconds, most
CREATE OR REPLACE FUNCTION wm_purge_messages(a jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE gone int;
BEGIN
  IF a->>'message_seconds' IS NULL THEN RETURN 0; END IF;
  WITH old AS (SELECT id, conversation_id FROM conversation_messages
      WHERE sent_at < now() - make_interval(secs => (a->>'message_seconds')::float) ORDER BY sent_at LIMIT (a->>'most')::int),
    locked AS (SELECT s.id FROM conversation_state s WHERE s.id IN (SELECT conversation_id FROM old) ORDER BY s.id FOR UPDATE),
    deleted AS (DELETE FROM conversation_messages m USING old, locked
      WHERE m.id = old.id AND old.conversation_id = locked.id RETURNING m.conversation_id),
    counted AS (SELECT conversation_id, count(*)::int AS n FROM deleted GROUP BY conversation_id),
    updated AS (UPDATE conversation_state s SET message_count = greatest(0, message_count - n) FROM counted
      WHERE s.id = counted.conversation_id RETURNING n)
    SELECT coalesce(sum(n), 0) INTO gone FROM updated;
  RETURN gone;
END $$;

-- Turns that ended long ago, with their events' ids, replies and sends; and ids that belong to no turn. Ids must be
-- remembered at least as long as the topics keep events: whoever calls this sees to it. Gives how many went.
-- a: journal_seconds, most
CREATE OR REPLACE FUNCTION wm_purge_journal(a jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE before timestamp := now() - make_interval(secs => (a->>'journal_seconds')::float); gone int; loose int;
BEGIN
  IF before IS NULL THEN RETURN 0; END IF;
  DELETE FROM conversation_turn WHERE id IN (SELECT id FROM conversation_turn
    WHERE ended_at < before ORDER BY ended_at LIMIT (a->>'most')::int FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM conversation_input WHERE ctid IN (SELECT ctid FROM conversation_input
    WHERE turn_id IS NULL AND state <> 'parked' AND taken_at < before LIMIT (a->>'most')::int FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS loose = ROW_COUNT;
  RETURN gone + loose;
END $$;
