ALTER TABLE app.orders ALTER COLUMN note TYPE varchar(80);
