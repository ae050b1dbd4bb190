ALTER TYPE app.state RENAME VALUE 'paid' TO 'settled';
