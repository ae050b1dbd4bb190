-- Arrays and rare types.

CREATE TYPE app.day AS ENUM ('mon', 'tue', 'it''s');
CREATE TYPE app.pair AS (x integer, y text);
CREATE TABLE app.odd (
    id uuid PRIMARY KEY, days app.day[] NOT NULL, pair app.pair NOT NULL, pairs app.pair[] NOT NULL,
    bits bit(12) NOT NULL, more varbit(8) NOT NULL, address inet NOT NULL UNIQUE, net cidr NOT NULL,
    mac macaddr NOT NULL UNIQUE, mac8 macaddr8 NOT NULL, place point NOT NULL, area box NOT NULL,
    shape polygon NOT NULL, words tsvector NOT NULL, query tsquery NOT NULL, doc xml, data jsonb NOT NULL
        CHECK (jsonb_typeof(data) = 'array'), raw bytea NOT NULL CHECK (octet_length(raw) = 20),
    spans int4multirange NOT NULL, cost money NOT NULL, long interval NOT NULL UNIQUE, path jsonpath NOT NULL,
    one "char" NOT NULL, label name NOT NULL, at time NOT NULL, numbers integer[] NOT NULL CHECK (numbers <> '{}')
);
