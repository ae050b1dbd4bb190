-- Add the indices of the paginated lists.
--
-- One index for each filter and order of the list endpoints. Each ends in the primary key: a page that starts
-- after a given row is then read from the index in order, without a sort, at any depth.
-- Built concurrently, because the tables are in use. IF NOT EXISTS lets an interrupted run go on; it accepts
-- an invalid index too, so the engine looks at each one.
-- depends: financial.20250618080000.create_clients financial.20250619101000.create_accounts financial.20250624093000.create_invoices financial.20250626090000.create_transactions
-- transactional: false

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_clients_created_at
    ON financial.clients (created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_clients_status_created_at
    ON financial.clients (status, created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_accounts_created_at
    ON financial.accounts (created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_accounts_institution_created_at
    ON financial.accounts (institution_id, created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_invoices_issue_date
    ON financial.invoices (issue_date DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_invoices_status_issue_date
    ON financial.invoices (status, issue_date DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_transactions_account_date
    ON financial.transactions (account_id, date DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_transactions_status_date
    ON financial.transactions (status, date DESC, id DESC);
