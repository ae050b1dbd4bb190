-- Create public.audit_log.
--
-- Who did what to which row. The table itself refuses UPDATE, DELETE and TRUNCATE: a record that can be
-- edited proves nothing.
-- depends: public.20250602093000.create_users

CREATE TABLE public.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    actor_id bigint,
    action text NOT NULL,
    entity_schema text,
    entity_table text,
    entity_id bigint,
    request_id uuid,
    client_address inet,
    details jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_log_pkey PRIMARY KEY (id),
    -- SET NULL would be an UPDATE of the log: a user who has acted is suspended, not deleted.
    CONSTRAINT audit_log_actor_id_fkey
        FOREIGN KEY (actor_id) REFERENCES public.users (id) ON DELETE RESTRICT,
    CONSTRAINT audit_log_action_is_dotted_words CHECK (action ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
    CONSTRAINT audit_log_entity_is_whole_or_absent
        CHECK (num_nonnulls(entity_schema, entity_table, entity_id) IN (0, 3)),
    CONSTRAINT audit_log_details_is_an_object CHECK (jsonb_typeof(details) = 'object')
);

CREATE INDEX idx_audit_log_actor_id
    ON public.audit_log (actor_id, occurred_at DESC, id DESC)
    WHERE actor_id IS NOT NULL;
CREATE INDEX idx_audit_log_entity
    ON public.audit_log (entity_schema, entity_table, entity_id, occurred_at DESC, id DESC)
    WHERE entity_id IS NOT NULL;
-- Rows arrive in the order of time and never move: a block range index finds a period and stays tiny.
CREATE INDEX idx_audit_log_occurred_at ON public.audit_log USING brin (occurred_at);

CREATE FUNCTION public.refuse_audit_log_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'public.audit_log is append-only: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation',
              HINT = 'Add a row that corrects the earlier one.';
END
$$;

CREATE TRIGGER audit_log_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON public.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_audit_log_change();

COMMENT ON TABLE public.audit_log IS 'Who did what, when, to which row of any schema; append-only.';
COMMENT ON COLUMN public.audit_log.actor_id IS 'NULL when the system acted by itself.';
COMMENT ON COLUMN public.audit_log.entity_id IS
    'Key of the row in entity_schema.entity_table; not a foreign key, because the record outlives the row.';
COMMENT ON COLUMN public.audit_log.details IS 'What changed, without secrets.';
COMMENT ON FUNCTION public.refuse_audit_log_change() IS
    'Statement trigger that keeps public.audit_log append-only.';
