-- The tables and columns of the build whose rules were functions: `db/upgrade` has moved what was in them, and dropped the
-- functions.
DROP TABLE conversation_replay_waiting, conversation_early_report, conversation_lookup, conversation_backend_post,
  conversation_history, conversation_outbox, conversation_send, conversation_input, conversation_turn, conversation_owner;
DROP SEQUENCE IF EXISTS conversation_turn_id_seq;
ALTER TABLE conversation_state DROP COLUMN event_number, DROP COLUMN meanwhile_from;

-- A process of that build that runs on is told that its partition has another owner: it acknowledges nothing, and ends.
CREATE FUNCTION wm_begin_call(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_begin_reply(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_begin_again(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_begin_command(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_reopen(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_repeat(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_park(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_adopt(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_answer(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_intend(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_accept(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_hold(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_fail(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_own(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_report(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;
CREATE FUNCTION wm_stop_arrived(jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "fenced"}'::jsonb$$;

-- One that starts, or migrates, looks here for the schema's version. It calls a database that "does not exist" a wrong
-- DATABASE_URL, says so in one line, and ends with code 2. (SQL has no other way to refuse with words.)
ALTER TABLE whatsapp_microservice_version RENAME TO whatsapp_microservice_schema;
UPDATE whatsapp_microservice_schema SET version_num = '0024';
CREATE VIEW whatsapp_microservice_version AS SELECT CASE WHEN has_database_privilege(
    'of this build: a newer one has migrated it, start that one', 'CONNECT') THEN '' END AS version_num;

-- Ids of events are forgotten by their age.
CREATE INDEX conversation_seen_at ON conversation_seen (at);
