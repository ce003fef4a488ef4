-- What an erasure looks for that stands in no conversation: calls that were turned down, strangers who got no answer, and
-- commands. None of these indexes is touched by an ordinary turn.
CREATE INDEX conversation_turn_apart ON conversation_turn (phone_number) WHERE conversation_id IS NULL;
CREATE INDEX conversation_input_apart ON conversation_input (phone_number) WHERE state = 'unanswered' OR kind = 'command';
