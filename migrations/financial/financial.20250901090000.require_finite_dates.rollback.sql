-- Let the dates of financial be infinite again.

ALTER TABLE financial.transactions DROP CONSTRAINT IF EXISTS transactions_dates_are_finite;
ALTER TABLE financial.invoice_lines DROP CONSTRAINT IF EXISTS invoice_lines_dates_are_finite;
ALTER TABLE financial.invoices DROP CONSTRAINT IF EXISTS invoices_dates_are_finite;
ALTER TABLE financial.accounts DROP CONSTRAINT IF EXISTS accounts_dates_are_finite;
ALTER TABLE financial.clients DROP CONSTRAINT IF EXISTS clients_dates_are_finite;
ALTER TABLE financial.categories DROP CONSTRAINT IF EXISTS categories_dates_are_finite;
ALTER TABLE financial.institutions DROP CONSTRAINT IF EXISTS institutions_dates_are_finite;
