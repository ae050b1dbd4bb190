-- Roles.
CREATE ROLE squash_reader;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'squash_writer') THEN CREATE ROLE squash_writer LOGIN; END IF;
END $$;
GRANT squash_reader TO squash_writer;
COMMENT ON ROLE squash_reader IS 'reads';
ALTER ROLE squash_reader SET statement_timeout = '5s';
