-- The replay that had a turn done once more: its messages carry it in their metadata.
ALTER TABLE conversation_turn ADD COLUMN replay TEXT;
