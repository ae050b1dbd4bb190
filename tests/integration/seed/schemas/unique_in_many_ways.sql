-- Unique in many ways.
-- fewer: app.singleton=1

CREATE TABLE app.accounts (
    id bigint PRIMARY KEY, email varchar(40) NOT NULL, short varchar(6) NOT NULL UNIQUE, at timestamptz NOT NULL UNIQUE,
    day date NOT NULL, seat integer NOT NULL, state text NOT NULL CHECK (state IN ('new', 'open', 'done')),
    UNIQUE (day, seat)
);
CREATE UNIQUE INDEX ON app.accounts (lower(email));
CREATE UNIQUE INDEX ON app.accounts (seat) WHERE state = 'open';
CREATE TABLE app.steps (
    account_id bigint NOT NULL REFERENCES app.accounts ON DELETE CASCADE, number smallint NOT NULL CHECK (number >= 1),
    PRIMARY KEY (account_id, number)
);
CREATE TABLE app.singleton (sole boolean PRIMARY KEY DEFAULT true CHECK (sole), value text);
