ALTER TYPE app.state ADD VALUE 'settled' AFTER 'paid';
