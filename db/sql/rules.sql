-- name: due_posts
-- The oldest first; those of other partitions are their owners' business.
SELECT id, payload, tries, extract(epoch FROM now() - made_at)::float AS age_seconds FROM conversation_backend_post
WHERE due_at <= now() AND partition = ANY($1::int[]) ORDER BY id LIMIT $2

-- name: posted
DELETE FROM conversation_backend_post WHERE id = $1

-- name: post_later
UPDATE conversation_backend_post SET tries = tries + 1, due_at = now() + make_interval(secs => $2) WHERE id = $1

-- name: end_silences
SELECT wm_end_silences($1::jsonb)

-- name: due_lookups
SELECT conversation_id, elevenlabs_conversation_id, tries FROM conversation_lookup
WHERE due_at <= now() AND partition = ANY($1::int[]) ORDER BY due_at LIMIT $2

-- name: look_up_later
UPDATE conversation_lookup SET tries = tries + 1, due_at = now() + make_interval(secs => $3)
WHERE conversation_id = $1 AND elevenlabs_conversation_id = $2

-- name: look_up_no_more
DELETE FROM conversation_lookup WHERE conversation_id = $1 AND elevenlabs_conversation_id = $2

-- name: call_details
SELECT wm_call_details($1::jsonb) AS result

-- name: purge_messages
SELECT wm_purge_messages($1::jsonb)

-- name: purge_journal
SELECT wm_purge_journal($1::jsonb)
