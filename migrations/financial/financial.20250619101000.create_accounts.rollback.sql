-- Drop financial.accounts and every row in it.

DROP TABLE financial.accounts;
