-- Drop public.audit_log, every record in it, and the function that guards it.

DROP TABLE public.audit_log;
DROP FUNCTION public.refuse_audit_log_change();
