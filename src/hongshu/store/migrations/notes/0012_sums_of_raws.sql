-- A checksum of a raw form together with whose it is, not of its packed bytes alone. Rows from before have none.
ALTER TABLE raws ADD COLUMN crc BIGINT;
