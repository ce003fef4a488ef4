-- name: export
-- All that is kept of one number. Messages in their order; `inputs` are Twilio's and the backend's own words, raw.
SELECT jsonb_build_object(
  'phone_number', $1::text,
  'conversation', (SELECT to_jsonb(s) FROM conversation_state s WHERE s.phone_number = $1),
  'messages', (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.sent_at, m.id), '[]') FROM conversation_messages m
               JOIN conversation_state s ON s.id = m.conversation_id WHERE s.phone_number = $1),
  'inputs', (SELECT coalesce(jsonb_agg(to_jsonb(i) ORDER BY i.position), '[]') FROM conversation_input i
             WHERE i.phone_number = $1),
  'turns', (SELECT coalesce(jsonb_agg(to_jsonb(t) || jsonb_build_object('sends',
              (SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.part), '[]') FROM conversation_send o WHERE o.turn_id = t.id))
              ORDER BY t.id), '[]') FROM conversation_turn t WHERE t.phone_number = $1),
  'suppression', (SELECT to_jsonb(x) FROM conversation_suppression x WHERE x.phone_number = $1)) AS everything
