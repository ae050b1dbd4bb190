ALTER TYPE app.state ADD VALUE 'void' AFTER 'paid';
