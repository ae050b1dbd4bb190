-- breaking: nothing reads it since release 12
DROP TABLE app.events_2026 CASCADE;
