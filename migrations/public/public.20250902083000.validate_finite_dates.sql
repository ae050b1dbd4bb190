-- Check the dates of public that were there before the constraints.
--
-- Readers and writers go on meanwhile. When it fails, a row has an infinite date, and a person must say what is right:
-- SELECT * FROM public.users WHERE NOT (isfinite(last_login_at) AND isfinite(created_at) AND isfinite(updated_at));
-- depends: public.20250901083000.require_finite_dates

ALTER TABLE public.users VALIDATE CONSTRAINT users_dates_are_finite;
