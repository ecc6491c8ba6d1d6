-- Checksums of who may call, so that a byte that changes on the disk is noticed. Rows from before have none.
ALTER TABLE accounts ADD COLUMN crc BIGINT;
ALTER TABLE tokens ADD COLUMN crc BIGINT;
ALTER TABLE operators ADD COLUMN crc BIGINT;
