"""The queue in public.jobs, and the loop that works through it."""
