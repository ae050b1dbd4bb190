DELETE FROM app.events_2026;
