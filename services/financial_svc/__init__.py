"""financial-svc: clients, invoices, accounts and transactions, through the typed client."""
