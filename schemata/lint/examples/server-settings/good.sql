COMMENT ON TABLE app.orders IS 'What customers buy.';
