DROP TABLE app.events_2026;
