-- $1 conversations of 40 campaigns in 30 days, as the worker leaves them: two turns each, with their events, sends and
-- messages; one in fifty with a person, one in a hundred with a turn that failed.
INSERT INTO conversation_state (phone_number, client_name, elevenlabs_conversation_id, agent_id, batch_id, status,
  call_summary, started_at, last_message_at, last_inbound_at, message_count, address, metadata)
SELECT '+58' || (4120000000 + n), (ARRAY['Ana','Luis','Eva','José','Marta'])[1 + n % 5] || ' ' ||
  (ARRAY['García','Pérez','Ruiz','Núñez','Soto','Vega','Gil'])[1 + n % 7] || ' ' || n, 'conv_crowd_' || n, 'agent_1',
  'btcal_crowd_' || n % 40, CASE WHEN n % 50 = 0 THEN 'escalated' WHEN n % 12 = 0 THEN 'closed' ELSE 'active' END,
  'Al cliente le interesa el plan Premium y pidió el precio por WhatsApp.', at, at + interval '2 minutes',
  at + interval '1 minute', 3, 'whatsapp:+58' || (4120000000 + n),
  jsonb_build_object('call', jsonb_build_object('agent_id', 'agent_1', 'agent_name', 'Lucía', 'batch_id', 'btcal_crowd_' || n % 40,
    'batch_name', 'Campaña ' || n % 40, 'recipient', jsonb_build_object('phone_number', '+58' || (4120000000 + n),
    'status', 'completed', 'conversation_id', 'conv_crowd_' || n), 'call_metadata', jsonb_build_object('client_name', 'Ana', 'client_id', n)))
FROM (SELECT n, now() - interval '10 minutes' - n * interval '30 days' / $1 AS at FROM generate_series(1, $1::int) AS n) AS crowd;
CREATE TEMPORARY TABLE crowd AS SELECT id, phone_number, address, batch_id, started_at AS at, id % 97 = 0 AS has_failed FROM conversation_state WHERE phone_number LIKE '+58%';
INSERT INTO conversation_actor (phone_number, partition, conversation_id, version, write_id, state, is_open)
SELECT phone_number, id % 8, id, 6, gen_random_uuid(), jsonb_build_object('key', phone_number, 'id', id, 'has_begun', true,
  'number', 6, 'client_name', 'Ana', 'agent_id', 'agent_1', 'elevenlabs_conversation_id', 'conv_crowd_' || id,
  'address', address, 'started_at', at, 'message_count', 3, 'has_details', true), false FROM crowd;
CREATE TEMPORARY TABLE turns AS SELECT c.id AS conversation_id, c.phone_number, c.address, c.batch_id, c.at + after AS at, kind,
  first_number, c.id * 10 + first_number AS turn_id, 'MMout' || c.id || kind AS sid, gen_random_uuid() AS own_id,
  c.has_failed AND kind = 'reply' AS has_failed
FROM crowd c, (VALUES ('call', 1, interval '0'), ('reply', 4, interval '1 minute')) AS kinds(kind, first_number, after);
INSERT INTO conversation_log (conversation_id, number, phone_number, partition, sequence, type, at, data)
SELECT conversation_id, first_number + place, phone_number, conversation_id % 8, -(conversation_id * 10 + first_number + place), type,
  at + place * interval '1 second', jsonb_build_object('data', said, 'state', jsonb_build_object('status', 'active')) FROM (
  SELECT t.*, 0 AS place, CASE kind WHEN 'call' THEN 'started' ELSE 'received' END AS type, jsonb_build_object('turn_id', turn_id,
    'batch_id', batch_id, 'message_sid', 'SMin' || conversation_id, 'content', 'Sí me interesa, ¿cuál es el precio?',
    'address', address, 'received_at', at) AS said FROM turns t
  UNION ALL SELECT t.*, 1, 'answered', jsonb_build_object('turn_id', turn_id, 'kind', kind, 'asked_at', at,
    'text', 'El plan Premium cuesta $99 al mes.', 'answers', jsonb_build_array('SMin' || conversation_id)) FROM turns t
  UNION ALL SELECT t.*, 2, 'sent', jsonb_build_object('turn_id', turn_id, 'own_id', own_id, 'sid', sid, 'part', 0,
    'is_last', true, 'content', 'El plan Premium cuesta $99 al mes.', 'response_seconds', 2.0) FROM turns t WHERE NOT has_failed
  UNION ALL SELECT t.*, 2, 'failed', jsonb_build_object('turn_id', turn_id, 'what', 'reply', 'code', '63003') FROM turns t
  WHERE has_failed) AS events;
INSERT INTO conversation_seen (kind, event_id, phone_number, at)
SELECT CASE kind WHEN 'call' THEN 'call' ELSE 'message' END, 'SMin' || conversation_id || kind, phone_number, at FROM turns;
INSERT INTO conversation_sends (own_id, phone_number, conversation_id, turn_id, turn_kind, part, to_address, body, state, tries, sid,
  status, rank, planned_at, intended_at, accepted_at, delivered_at, read_at)
SELECT own_id, phone_number, conversation_id, turn_id, kind, 0, address, 'El plan Premium cuesta $99 al mes.',
  CASE WHEN has_failed THEN 'refused' ELSE 'accepted' END, 1, CASE WHEN NOT has_failed THEN sid END, 'read', 4, at, at, at, at, at FROM turns;
INSERT INTO conversation_messages (conversation_id, direction, content, twilio_message_id, sent_at, delivered_at, read_at, metadata)
SELECT conversation_id, direction, 'El plan Premium cuesta $99 al mes, y el cliente quiere saber más.', id, at, at, at,
  jsonb_build_object('turn_id', turn_id)
FROM turns, LATERAL (VALUES ('inbound', 'SMin' || conversation_id, kind = 'reply'), ('outbound', sid, NOT has_failed))
  AS said(direction, id, is_there) WHERE is_there;
DROP TABLE crowd;
DROP TABLE turns;
