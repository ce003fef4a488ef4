-- Messages that Twilio took and then could not deliver, for a reason that passes (too many to one person), are sent once more
-- in a turn of their own. again: 'slow' where that turn is to begin; a send's own: which of the turn's messages it has.
ALTER TABLE conversation_turn DROP CONSTRAINT conversation_turn_again_check;
ALTER TABLE conversation_turn ADD CONSTRAINT conversation_turn_again_check CHECK (again IN ('wanted', 'slow', 'taken'));
ALTER TABLE conversation_send ADD COLUMN again TEXT CHECK (again IN ('wanted', 'taken'));
CREATE INDEX conversation_turn_slow ON conversation_turn (phone_number, id) WHERE again = 'slow';
