-- name: erasure_key
SELECT key FROM conversation_erasure_key

-- name: erasures
SELECT number_digest, erased_at FROM conversation_erasure WHERE number_digest = ANY($1::text[])

-- name: all_erasures
SELECT number_digest, erased_at FROM conversation_erasure

-- name: remember_erasures
INSERT INTO conversation_erasure AS e (number_digest, erased_at) SELECT * FROM unnest($1::text[], $2::timestamp[])
ON CONFLICT (number_digest) DO UPDATE SET erased_at = greatest(e.erased_at, EXCLUDED.erased_at)

-- name: take_key
-- Of the database whose digests are about to be taken over; nothing was erased here yet.
UPDATE conversation_erasure_key SET key = $1 WHERE NOT EXISTS (SELECT FROM conversation_erasure)
