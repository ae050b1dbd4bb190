-- Delete the seeded system settings, with whatever values they have now.

DELETE FROM public.system_settings
WHERE key IN (
    'pagination.page_size',
    'pagination.page_size_max',
    'jobs.heartbeat_seconds',
    'jobs.lost_after_seconds',
    'jobs.keep_finished_days',
    'sessions.lifetime_hours'
);
