-- Drop financial.invoice_lines and every row in it.

DROP TABLE financial.invoice_lines;
