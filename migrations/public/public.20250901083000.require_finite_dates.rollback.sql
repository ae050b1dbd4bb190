-- Let the dates of public be infinite again.

ALTER TABLE public.users DROP CONSTRAINT IF EXISTS users_dates_are_finite;
