-- Drop financial.transactions and every row in it.

DROP TABLE financial.transactions;
