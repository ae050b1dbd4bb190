-- Drop public.api_keys: every key stops working and cannot be brought back.

DROP TABLE public.api_keys;
