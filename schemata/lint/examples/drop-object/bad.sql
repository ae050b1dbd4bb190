DROP VIEW app.new_orders;
