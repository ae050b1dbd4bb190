-- Add the index of the list of all transactions.
--
-- Without a filter neither the index by account nor the one by status gives the order by date.
-- depends: financial.20250626090000.create_transactions
-- transactional: false

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_transactions_date
    ON financial.transactions (date DESC, id DESC);
