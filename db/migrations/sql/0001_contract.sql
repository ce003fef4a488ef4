-- The two tables of the contract. They may exist already, with data, when the database is the main backend's own.
CREATE TABLE IF NOT EXISTS conversation_state (
  id SERIAL PRIMARY KEY,
  phone_number VARCHAR(50) UNIQUE NOT NULL,
  client_name VARCHAR(255),
  elevenlabs_conversation_id VARCHAR(255) NOT NULL,
  agent_id VARCHAR(255) NOT NULL,
  batch_id VARCHAR(255),
  recipient_id VARCHAR(255),
  status VARCHAR(50) DEFAULT 'active',
  call_summary TEXT,
  call_duration_secs INTEGER,
  started_at TIMESTAMP DEFAULT NOW(),
  last_message_at TIMESTAMP DEFAULT NOW(),
  closed_at TIMESTAMP,
  message_count INTEGER DEFAULT 0,
  metadata JSONB DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS idx_conversation_state_phone ON conversation_state (phone_number);
CREATE INDEX IF NOT EXISTS idx_conversation_state_elevenlabs_conv_id ON conversation_state (elevenlabs_conversation_id);
CREATE INDEX IF NOT EXISTS idx_conversation_state_status ON conversation_state (status);

CREATE TABLE IF NOT EXISTS conversation_messages (
  id SERIAL PRIMARY KEY,
  conversation_id INTEGER REFERENCES conversation_state(id) ON DELETE CASCADE,
  direction VARCHAR(20) NOT NULL CHECK (direction IN ('inbound', 'outbound')),
  content TEXT NOT NULL,
  twilio_message_id VARCHAR(255),
  elevenlabs_response JSONB,
  sent_at TIMESTAMP DEFAULT NOW(),
  delivered_at TIMESTAMP,
  read_at TIMESTAMP,
  metadata JSONB DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS idx_conversation_messages_conversation_id ON conversation_messages (conversation_id);
CREATE INDEX IF NOT EXISTS idx_conversation_messages_direction ON conversation_messages (direction);
CREATE INDEX IF NOT EXISTS idx_conversation_messages_sent_at ON conversation_messages (sent_at);
-- The newest messages of one conversation, at a cost that does not grow with its length.
CREATE INDEX IF NOT EXISTS idx_conversation_messages_newest ON conversation_messages (conversation_id, id);
CREATE INDEX IF NOT EXISTS idx_conversation_messages_twilio_id ON conversation_messages (twilio_message_id);
