-- Drop financial.invoices and every row in it.

DROP TABLE financial.invoices;
