TRUNCATE app.events_2026;
