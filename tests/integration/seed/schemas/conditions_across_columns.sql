-- Conditions across columns.

CREATE TABLE app.parcels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('packed', 'sent', 'lost', 'there')),
    sent_at timestamptz, there_at timestamptz, weight numeric(6, 2), length integer, width integer,
    CHECK (num_nonnulls(length, width) IN (0, 2)), CHECK (width <= length),
    CHECK ((state = 'packed') = (sent_at IS NULL)), CHECK ((state = 'there') = (there_at IS NOT NULL)),
    CHECK (there_at > sent_at), CHECK (state <> 'lost' OR weight IS NULL),
    CHECK (1 / NULLIF(weight, 0) > 0), CHECK (10 / (weight - 1) <> 0)
);
