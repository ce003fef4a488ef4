-- name: export
-- All that is kept of one number. Messages in their order; `inputs`: ids of what came; `log`: what came of it, with all words.
-- $2: the number's digests, see `schemas.phone.number_digests`
SELECT jsonb_build_object(
  'phone_number', $1::text,
  'conversation', (SELECT to_jsonb(s) FROM conversation_state s WHERE s.phone_number = $1),
  'messages', (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.sent_at, m.id), '[]') FROM conversation_messages m
               JOIN conversation_state s ON s.id = m.conversation_id WHERE s.phone_number = $1),
  'inputs', (SELECT coalesce(jsonb_agg(to_jsonb(i) ORDER BY i.at), '[]') FROM conversation_seen i
             WHERE i.phone_number = $1),
  'log', (SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.conversation_id, l.number), '[]') FROM conversation_log l
          WHERE l.phone_number = $1),
  'sends', (SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.turn_id, o.part), '[]') FROM conversation_sends o
            WHERE o.phone_number = $1),
  'posts', (SELECT coalesce(jsonb_agg(p.payload ORDER BY p.number), '[]') FROM conversation_backend_posts p
            WHERE p.phone_number = $1),
  'spooled', (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.id), '[]') FROM conversation_spool p WHERE p.key = $1),
  'dead_letters', (SELECT coalesce(jsonb_agg(to_jsonb(d) - '{key,mentions}'::text[] || jsonb_build_object('value', encode(d.value, 'base64'))
                                             ORDER BY d.buried_at), '[]')
                   FROM conversation_dead_letter d WHERE d.phone_number = $1 OR d.mentions && $2::text[]),
  'presence', (SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') FROM conversation_presence p WHERE p.phone_number = $1),
  'replays', (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.begun_at), '[]') FROM conversation_replay r
              WHERE r.options->>'number' = $1),
  'open', (SELECT a.state FROM conversation_actor a WHERE a.phone_number = $1),
  'suppression', (SELECT to_jsonb(x) FROM conversation_suppression x WHERE x.phone_number = $1)) AS everything
