-- Drop financial.clients and every row in it.

DROP TABLE financial.clients;
