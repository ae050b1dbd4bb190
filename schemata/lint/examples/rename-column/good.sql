ALTER TABLE app.orders ADD COLUMN remark text;
