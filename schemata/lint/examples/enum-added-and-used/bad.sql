ALTER TYPE app.state ADD VALUE 'void' AFTER 'paid';
ALTER TABLE app.orders ALTER COLUMN state SET DEFAULT 'void';
