ALTER TABLE app.events_2026 ADD CONSTRAINT events_2026_id_fkey FOREIGN KEY (id) REFERENCES app.orders (id);
