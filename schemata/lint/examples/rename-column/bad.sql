ALTER TABLE app.orders RENAME COLUMN note TO remark;
