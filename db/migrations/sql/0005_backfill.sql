-- Until when all that a vendor got for us is known to be fetched. Looks overlap, so that a list that lags loses nothing.
-- begun_at: our first start; what the vendor got before is nobody's gap.
CREATE TABLE conversation_backfill (
  vendor TEXT PRIMARY KEY,
  begun_at TIMESTAMP NOT NULL DEFAULT NOW(),
  checked_until TIMESTAMP NOT NULL,
  looked_at TIMESTAMP NOT NULL DEFAULT NOW()
);
