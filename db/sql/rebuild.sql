-- name: schema_of
SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass('conversation_state')

-- name: is_temporary
SELECT relnamespace = pg_my_temp_schema() FROM pg_class WHERE oid = to_regclass('conversation_state')

-- name: may_be_filled
-- $1: whoever makes tables again. Its name stays with the partitions until it is done.
SELECT EXISTS (SELECT FROM conversation_partition WHERE owner = $1)
  OR NOT EXISTS (SELECT FROM conversation_state) AND NOT EXISTS (SELECT FROM conversation_seen)

-- name: message_ids
SELECT nextval(pg_get_serial_sequence($1, 'id')::regclass) FROM generate_series(1, $2)

-- name: move_up
-- All of the new places are above every place that is taken.
UPDATE conversation_log l SET sequence = moved.new
FROM unnest($2::bigint[], $3::bigint[]) AS moved(old, new) WHERE l.partition = $1 AND l.sequence = moved.old

-- name: next_ids
-- Past everything the log tells of, and past ids that were handed out and never got there. $1: how many those may be.
SELECT setval(t.sequence, greatest(t.highest + $1, nextval(t.sequence)))
FROM (SELECT pg_get_serial_sequence('conversation_state', 'id') AS sequence,
        greatest($2::bigint, (SELECT max(id) FROM conversation_state)) AS highest
      UNION ALL SELECT pg_get_serial_sequence('conversation_messages', 'id'),
        greatest($3::bigint, (SELECT max(id) FROM conversation_messages))
      UNION ALL SELECT 'conversation_turn_number',
        greatest($4::bigint, (SELECT max(turn_id) FROM conversation_sends))) t

-- name: mark_restored
INSERT INTO conversation_restore (restored_at) VALUES (now())
