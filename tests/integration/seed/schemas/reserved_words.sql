-- Reserved words.
-- fewer: app.Grant=80

CREATE TABLE app."user" (
    "order" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "select" text NOT NULL UNIQUE,
    "group" integer NOT NULL CHECK ("group" > 5 AND "group" < 9), n integer NOT NULL CHECK (n > "group"),
    "from" date NOT NULL, "to" date, CHECK ("to" >= "from")
);
CREATE TABLE app."Grant" ("user" bigint NOT NULL REFERENCES app."user", "on" boolean NOT NULL, s integer, g integer,
    PRIMARY KEY ("user", "on"));
