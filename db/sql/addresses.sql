-- name: addresses
-- All addresses of the person, the number first; only this one where no other is known.
WITH person AS (
  SELECT coalesce((SELECT a.state->>'merged_into' FROM conversation_actor a WHERE a.phone_number = $1), $1) AS number)
SELECT number AS phone_number, 0 AS place FROM person
UNION ALL
SELECT l.value->>'key', l.ordinality FROM person JOIN conversation_actor a ON a.phone_number = person.number
CROSS JOIN LATERAL jsonb_array_elements(a.state->'links') WITH ORDINALITY l WHERE l.value->>'state' IS DISTINCT FROM 'refused'
ORDER BY place

-- name: numbers
-- Of those of these addresses that have merged into a number: which one.
SELECT phone_number, state->>'merged_into' AS number FROM conversation_actor
WHERE phone_number = ANY($1::text[]) AND state ? 'merged_into'
