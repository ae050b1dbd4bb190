REVOKE SELECT ON app.orders FROM reporting;
