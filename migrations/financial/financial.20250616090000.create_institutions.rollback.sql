-- Drop financial.institutions and every row in it.

DROP TABLE financial.institutions;
