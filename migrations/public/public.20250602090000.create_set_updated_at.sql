-- Create the trigger function that keeps updated_at.
--
-- One function for the triggers of all schemas, so that updated_at is right whoever writes the row.

CREATE FUNCTION public.set_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    -- Compared here and not in the triggers' WHEN: there a table could never be given a generated column.
    IF NEW IS DISTINCT FROM OLD THEN
        NEW.updated_at := pg_catalog.now();
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION public.set_updated_at() IS
    'BEFORE UPDATE row trigger: sets updated_at to the start of the transaction when the row changes.';
