COMMENT ON FUNCTION app.touch() IS 'Called by the trigger of orders.';
