-- Partitions.

CREATE TABLE app.events (
    id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, kind text NOT NULL, PRIMARY KEY (id, at, kind)
) PARTITION BY RANGE (at);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('2030-01-01') TO ('2030-02-01');
CREATE TABLE app.events_2 PARTITION OF app.events FOR VALUES FROM ('2030-02-01') TO ('2030-03-01')
    PARTITION BY LIST (kind);
CREATE TABLE app.events_2a PARTITION OF app.events_2 FOR VALUES IN ('a', 'b');
CREATE TABLE app.regions (code text NOT NULL, n integer NOT NULL) PARTITION BY LIST (code);
CREATE TABLE app.regions_1 PARTITION OF app.regions FOR VALUES IN ('eu', 'us');
CREATE TABLE app.regions_2 PARTITION OF app.regions FOR VALUES IN ('asia');
CREATE TABLE app.hashed (id bigint PRIMARY KEY, note text) PARTITION BY HASH (id);
CREATE TABLE app.hashed_0 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_1 PARTITION OF app.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE app.ages (age integer NOT NULL, hash_id bigint REFERENCES app.hashed) PARTITION BY RANGE (age);
CREATE TABLE app.ages_1 PARTITION OF app.ages FOR VALUES FROM (MINVALUE) TO (18);
CREATE TABLE app.ages_2 PARTITION OF app.ages DEFAULT;
CREATE TABLE app.hashed_ids (id uuid PRIMARY KEY, note text) PARTITION BY HASH (id);
CREATE TABLE app.hashed_ids_0 PARTITION OF app.hashed_ids FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE app.hashed_days (
    id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, PRIMARY KEY (id, day)
) PARTITION BY RANGE (day);
CREATE TABLE app.hashed_days_1 PARTITION OF app.hashed_days FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')
    PARTITION BY HASH (id);
CREATE TABLE app.hashed_days_1a PARTITION OF app.hashed_days_1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.hashed_days_1b PARTITION OF app.hashed_days_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
