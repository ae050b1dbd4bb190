-- Domains.

CREATE DOMAIN app.name AS text CHECK (VALUE ~ '^[A-Z][a-z]{2,9}$');
CREATE DOMAIN app.surname AS app.name CHECK (length(VALUE) < 9);
CREATE DOMAIN app.share AS numeric(5, 4) NOT NULL CHECK (VALUE >= 0 AND VALUE <= 1);
CREATE DOMAIN app.level AS smallint DEFAULT 3 CHECK (VALUE IN (1, 2, 3, 5, 8));
CREATE DOMAIN app.moment AS timestamptz CHECK (VALUE > '2020-01-01');
CREATE DOMAIN app.colours AS text[] CHECK (VALUE <@ ARRAY['red', 'green', 'blue'] AND array_length(VALUE, 1) > 0);
CREATE TABLE app.things (
    id bigint PRIMARY KEY, code app.name NOT NULL UNIQUE, last app.surname, part app.share, level app.level NOT NULL,
    at app.moment NOT NULL, colours app.colours NOT NULL, plate char(7) NOT NULL CHECK (plate ~ '^[A-Z]{3}-[0-9]{3}$')
);
