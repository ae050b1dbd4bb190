-- Drop public.system_settings and every value that operators set.

DROP TABLE public.system_settings;
