-- Drop public.sessions: everybody has to log in again.

DROP TABLE public.sessions;
