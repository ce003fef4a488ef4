-- $1 conversations of 40 campaigns in 30 days, as the journal's steps leave them: two turns each, with their inputs, sends
-- and messages; one in fifty with a person, one turn in a hundred failed.
INSERT INTO conversation_state (phone_number, client_name, elevenlabs_conversation_id, agent_id, batch_id, status,
  call_summary, started_at, last_message_at, last_inbound_at, message_count, event_number, address, metadata)
SELECT '+58' || (4120000000 + n), (ARRAY['Ana','Luis','Eva','José','Marta'])[1 + n % 5] || ' ' ||
  (ARRAY['García','Pérez','Ruiz','Núñez','Soto','Vega','Gil'])[1 + n % 7] || ' ' || n, 'conv_crowd_' || n, 'agent_1',
  'btcal_crowd_' || n % 40, CASE WHEN n % 50 = 0 THEN 'escalated' WHEN n % 12 = 0 THEN 'closed' ELSE 'active' END,
  'Al cliente le interesa el plan Premium y pidió el precio por WhatsApp.', at, at + interval '2 minutes',
  at + interval '1 minute', 4, 9, 'whatsapp:+58' || (4120000000 + n),
  jsonb_build_object('call', jsonb_build_object('agent_id', 'agent_1', 'agent_name', 'Lucía', 'batch_id', 'btcal_crowd_' || n % 40,
    'batch_name', 'Campaña ' || n % 40, 'recipient', jsonb_build_object('phone_number', '+58' || (4120000000 + n),
    'status', 'completed', 'conversation_id', 'conv_crowd_' || n), 'call_metadata', jsonb_build_object('client_name', 'Ana', 'client_id', n)))
FROM (SELECT n, now() - interval '10 minutes' - n * interval '30 days' / $1 AS at FROM generate_series(1, $1::int) AS n) AS crowd;
CREATE TEMPORARY TABLE crowd AS SELECT id, phone_number, address, started_at AS at FROM conversation_state WHERE phone_number LIKE '+58%';
INSERT INTO conversation_turn (phone_number, conversation_id, partition, kind, state, begun_at, answered_at, ended_at)
SELECT phone_number, id, id % 8, kind, CASE WHEN id % 97 = 0 THEN 'failed' ELSE 'done' END, at, at + interval '1 second',
  at + interval '2 seconds' FROM crowd, (VALUES ('call'), ('reply')) AS kinds(kind);
INSERT INTO conversation_input (kind, event_id, phone_number, address, partition, state, turn_id, payload, received_at, taken_at)
SELECT CASE t.kind WHEN 'call' THEN 'call' ELSE 'message' END, 'SMin' || t.id, t.phone_number, c.address, t.partition, 'taken', t.id,
  '{"text": "Sí me interesa, ¿cuál es el precio?", "params": {"Body": "Sí me interesa, ¿cuál es el precio?", "NumMedia": "0"}}', c.at, c.at
FROM conversation_turn t JOIN crowd c ON c.id = t.conversation_id;
INSERT INTO conversation_send (own_id, turn_id, part, to_address, body, state, tries, sid, status, status_rank, intended_at, accepted_at,
  delivered_at, read_at)
SELECT gen_random_uuid(), t.id, 0, c.address, 'El plan Premium cuesta $99 al mes.', 'accepted', 1, 'SMout' || t.id, 'read', 4, c.at,
  c.at, c.at, c.at FROM conversation_turn t JOIN crowd c ON c.id = t.conversation_id;
INSERT INTO conversation_messages (conversation_id, direction, content, twilio_message_id, sent_at, delivered_at, read_at, metadata)
SELECT t.conversation_id, direction, 'El plan Premium cuesta $99 al mes, y el cliente quiere saber más.', sid || t.id, t.begun_at, t.ended_at,
  t.ended_at, jsonb_build_object('turn_id', t.id)
FROM conversation_turn t JOIN crowd c ON c.id = t.conversation_id, (VALUES ('inbound', 'SMin'), ('outbound', 'SMout')) AS ways(direction, sid);
INSERT INTO conversation_history (conversation_id, number, type, at, data)
SELECT id, 1, 'started', at, jsonb_build_object('turn_id', 1) FROM crowd;
DROP TABLE crowd;
