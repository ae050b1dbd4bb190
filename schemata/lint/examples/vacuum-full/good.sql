-- transactional: false
VACUUM (ANALYZE) app.orders;
