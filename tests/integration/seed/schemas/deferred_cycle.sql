-- Deferred cycle.

CREATE TABLE app.eggs (id bigserial PRIMARY KEY, hen_id bigint NOT NULL);
CREATE TABLE app.hens (
    id bigserial PRIMARY KEY, egg_id bigint NOT NULL REFERENCES app.eggs DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE app.eggs ADD FOREIGN KEY (hen_id) REFERENCES app.hens DEFERRABLE;
