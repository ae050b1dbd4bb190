ALTER DOMAIN app.code ADD CONSTRAINT code_is_short CHECK (length(value) < 9) NOT VALID;
