-- Numbers that were erased, by the SHA-256 of the canonical number in hexadecimal: no replay and no rebuild from the log
-- brings anything back that happened before. Whoever erases a number writes a row (its latest erasure counts).
CREATE TABLE conversation_erasure (
  number_digest TEXT PRIMARY KEY,
  erased_at TIMESTAMP NOT NULL
);
