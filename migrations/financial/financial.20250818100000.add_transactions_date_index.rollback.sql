-- Drop the index of the list of all transactions; the list still answers, slowly.
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS financial.idx_transactions_date;
