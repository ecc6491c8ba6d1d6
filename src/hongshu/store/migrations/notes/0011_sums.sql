-- Checksums of rows, so that a byte that changes on the disk is noticed. Rows from before have none.
ALTER TABLE notes ADD COLUMN crc BIGINT;
ALTER TABLE notes ADD COLUMN wire_crc BIGINT;
ALTER TABLE observations ADD COLUMN crc BIGINT;
ALTER TABLE events ADD COLUMN crc BIGINT;
ALTER TABLE stretches ADD COLUMN crc BIGINT;
ALTER TABLE timelines ADD COLUMN crc BIGINT;
ALTER TABLE profiles ADD COLUMN crc BIGINT;
