-- Let API keys have any scope again.

COMMENT ON COLUMN public.api_keys.last_used_at IS NULL;
COMMENT ON COLUMN public.api_keys.scopes IS NULL;

ALTER TABLE public.api_keys DROP CONSTRAINT api_keys_scopes_are_known;
