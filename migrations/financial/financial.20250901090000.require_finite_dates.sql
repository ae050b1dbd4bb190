-- Require that the dates of financial are finite.
--
-- PostgreSQL's date and timestamptz hold infinity and -infinity. Nothing was stored, booked or closed then: such
-- a value is a mistake of who wrote it, and would stand at the head or the end of every list. An invoice may be due at
-- infinity: never.
-- NOT VALID: new rows are checked at once, old ones by the next migration, without a lock that stops writers.
-- depends: financial.20250616090000.create_institutions financial.20250616113000.create_categories financial.20250618080000.create_clients financial.20250619101000.create_accounts financial.20250624093000.create_invoices financial.20250624141500.create_invoice_lines financial.20250626090000.create_transactions

ALTER TABLE financial.institutions
    ADD CONSTRAINT institutions_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.categories
    ADD CONSTRAINT categories_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.clients
    ADD CONSTRAINT clients_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.accounts
    ADD CONSTRAINT accounts_dates_are_finite
    CHECK (isfinite(opened_on) AND isfinite(closed_on) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.invoices
    ADD CONSTRAINT invoices_dates_are_finite
    CHECK (isfinite(issue_date) AND isfinite(paid_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.invoice_lines
    ADD CONSTRAINT invoice_lines_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.transactions
    ADD CONSTRAINT transactions_dates_are_finite
    CHECK (isfinite(date) AND isfinite(posted_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;
