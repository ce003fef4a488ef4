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
