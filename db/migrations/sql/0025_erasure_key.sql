-- What erased numbers are known by is a digest under this key: who sees only the digests cannot try all numbers. One row.
CREATE TABLE conversation_erasure_key (
  id BOOLEAN PRIMARY KEY DEFAULT true CHECK (id),
  key BYTEA NOT NULL
);
INSERT INTO conversation_erasure_key (key) SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

-- Digests of the numbers that a dead letter's bytes tell of, whatever its key is: erased with each of them.
ALTER TABLE conversation_dead_letter ADD COLUMN mentions TEXT[];
