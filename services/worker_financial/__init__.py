"""worker-financial: issues invoices, posts transactions."""
