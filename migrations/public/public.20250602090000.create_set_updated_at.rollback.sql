-- Drop the trigger function that keeps updated_at.

DROP FUNCTION public.set_updated_at();
