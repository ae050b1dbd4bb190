-- Require that the dates of public are finite.
--
-- PostgreSQL's date and timestamptz hold infinity and -infinity. Nothing was stored, booked or closed then: such
-- a value is a mistake of who wrote it, and would stand at the head or the end of every list.
-- NOT VALID: new rows are checked at once, old ones by the next migration, without a lock that stops writers.
-- depends: public.20250602093000.create_users

ALTER TABLE public.users
    ADD CONSTRAINT users_dates_are_finite
    CHECK (isfinite(last_login_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;
