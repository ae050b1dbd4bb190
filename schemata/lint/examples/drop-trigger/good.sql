-- breaking: the application sets the time since release 12
DROP TRIGGER orders_touch ON app.orders;
