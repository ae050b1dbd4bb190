-- Make the constraints on the dates of financial those that old rows were never checked for.

ALTER TABLE financial.institutions
    DROP CONSTRAINT IF EXISTS institutions_dates_are_finite,
    ADD CONSTRAINT institutions_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.categories
    DROP CONSTRAINT IF EXISTS categories_dates_are_finite,
    ADD CONSTRAINT categories_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.clients
    DROP CONSTRAINT IF EXISTS clients_dates_are_finite,
    ADD CONSTRAINT clients_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.accounts
    DROP CONSTRAINT IF EXISTS accounts_dates_are_finite,
    ADD CONSTRAINT accounts_dates_are_finite
    CHECK (isfinite(opened_on) AND isfinite(closed_on) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.invoices
    DROP CONSTRAINT IF EXISTS invoices_dates_are_finite,
    ADD CONSTRAINT invoices_dates_are_finite
    CHECK (isfinite(issue_date) AND isfinite(paid_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.invoice_lines
    DROP CONSTRAINT IF EXISTS invoice_lines_dates_are_finite,
    ADD CONSTRAINT invoice_lines_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE financial.transactions
    DROP CONSTRAINT IF EXISTS transactions_dates_are_finite,
    ADD CONSTRAINT transactions_dates_are_finite
    CHECK (isfinite(date) AND isfinite(posted_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;
