-- Exclusion constraints.

CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE app.rooms (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE TABLE app.bookings (
    room_id integer NOT NULL REFERENCES app.rooms, during tstzrange NOT NULL,
    EXCLUDE USING gist (room_id WITH =, during WITH &&),
    CHECK (NOT isempty(during) AND upper(during) - lower(during) < interval '400 days')
);
CREATE TABLE app.prices (
    product text NOT NULL, valid_from date NOT NULL, valid_until date NOT NULL,
    CHECK (valid_until > valid_from),
    EXCLUDE USING gist (product WITH =, daterange(valid_from, valid_until) WITH &&)
);
CREATE TABLE app.shifts (person integer NOT NULL, days int4range NOT NULL, EXCLUDE USING gist (days WITH &&));
