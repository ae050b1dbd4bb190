REINDEX TABLE app.orders;
