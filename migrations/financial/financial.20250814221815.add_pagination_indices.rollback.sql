-- Drop the indices of the paginated lists; the lists still answer, slowly.
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS financial.idx_transactions_status_date;
DROP INDEX CONCURRENTLY IF EXISTS financial.idx_transactions_account_date;
DROP INDEX CONCURRENTLY IF EXISTS financial.idx_invoices_status_issue_date;
DROP INDEX CONCURRENTLY IF EXISTS financial.idx_invoices_issue_date;
DROP INDEX CONCURRENTLY IF EXISTS financial.idx_accounts_institution_created_at;
DROP INDEX CONCURRENTLY IF EXISTS financial.idx_accounts_created_at;
DROP INDEX CONCURRENTLY IF EXISTS financial.idx_clients_status_created_at;
DROP INDEX CONCURRENTLY IF EXISTS financial.idx_clients_created_at;
