-- transactional: false
REINDEX TABLE CONCURRENTLY app.orders;
