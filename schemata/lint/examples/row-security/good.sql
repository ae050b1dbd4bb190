CREATE POLICY everything ON app.orders USING (true);
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
