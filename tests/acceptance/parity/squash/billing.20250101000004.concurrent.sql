-- Index.
-- transactional: false
-- depends: billing.20250101000003.tables
CREATE INDEX CONCURRENTLY invoices_person ON billing.invoices (person);
UPDATE billing.invoices SET total = total + 1;
