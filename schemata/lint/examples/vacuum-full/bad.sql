-- transactional: false
VACUUM FULL app.orders;
