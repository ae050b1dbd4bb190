-- Drop public.jobs: queued work is lost, running workers fail.

DROP TABLE public.jobs;
