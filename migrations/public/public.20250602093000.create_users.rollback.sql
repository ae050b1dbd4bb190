-- Drop public.users and every row in it.

DROP TABLE public.users;
