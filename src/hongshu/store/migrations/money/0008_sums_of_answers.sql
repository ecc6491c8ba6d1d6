-- A checksum of all of an answer that is kept for a key, not of its packed bytes alone. Rows from before have none.
ALTER TABLE answers ADD COLUMN crc BIGINT;
