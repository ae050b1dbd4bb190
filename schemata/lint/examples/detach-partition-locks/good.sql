-- transactional: false
ALTER TABLE app.events DETACH PARTITION app.events_2025 CONCURRENTLY;
