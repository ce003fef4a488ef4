-- Delivery reports that came before it was known which message they are about: they carry no id of ours, only Twilio's.
CREATE TABLE conversation_early_report (
  sid TEXT NOT NULL,
  rank INTEGER NOT NULL,
  report JSONB NOT NULL,
  received_at TIMESTAMP NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (sid, rank)
);
CREATE INDEX idx_conversation_early_report_received_at ON conversation_early_report (received_at);
