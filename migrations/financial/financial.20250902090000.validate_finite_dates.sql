-- Check the dates of financial that were there before the constraints.
--
-- Readers and writers go on meanwhile. When it fails, a row has an infinite date, and a person must say what is right:
-- SELECT * FROM financial.institutions WHERE NOT (isfinite(created_at) AND isfinite(updated_at));
-- depends: financial.20250901090000.require_finite_dates

ALTER TABLE financial.institutions VALIDATE CONSTRAINT institutions_dates_are_finite;
ALTER TABLE financial.categories VALIDATE CONSTRAINT categories_dates_are_finite;
ALTER TABLE financial.clients VALIDATE CONSTRAINT clients_dates_are_finite;
ALTER TABLE financial.accounts VALIDATE CONSTRAINT accounts_dates_are_finite;
ALTER TABLE financial.invoices VALIDATE CONSTRAINT invoices_dates_are_finite;
ALTER TABLE financial.invoice_lines VALIDATE CONSTRAINT invoice_lines_dates_are_finite;
ALTER TABLE financial.transactions VALIDATE CONSTRAINT transactions_dates_are_finite;
