-- Seed the system settings that the services read.
--
-- A value that an operator has already set is kept.
-- depends: public.20250605083000.create_system_settings

INSERT INTO public.system_settings (key, value, description)
VALUES
    ('pagination.page_size', '50', 'Rows on a page when the request does not say.'),
    ('pagination.page_size_max', '200', 'Most rows on a page that a request may ask for.'),
    ('jobs.heartbeat_seconds', '10', 'Seconds between two heartbeats of a running job.'),
    ('jobs.lost_after_seconds', '60', 'Seconds without a heartbeat after which a job is queued again.'),
    ('jobs.keep_finished_days', '14', 'Days for which finished jobs are kept.'),
    ('sessions.lifetime_hours', '12', 'Hours from login to the end of a session.')
ON CONFLICT (key) DO NOTHING;
