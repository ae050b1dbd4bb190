-- Make the constraints on the dates of public those that old rows were never checked for.

ALTER TABLE public.users
    DROP CONSTRAINT IF EXISTS users_dates_are_finite,
    ADD CONSTRAINT users_dates_are_finite
    CHECK (isfinite(last_login_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;
