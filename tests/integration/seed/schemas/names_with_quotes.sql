-- Names with quotes.

CREATE TABLE app."it's a ""table"", 100%" (
    "id'""; --" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "a.b {n} \x" text NOT NULL CHECK ("a.b {n} \x" <> 'it''s'),
    "ä ö" integer NOT NULL CHECK ("ä ö" IN (-1, 1))
);
CREATE TYPE app."odd ""type""" AS ENUM ('{n}', 'a"b', 'c\d', '%s');
CREATE TABLE app."of it" (
    "its id" bigint NOT NULL REFERENCES app."it's a ""table"", 100%",
    kind app."odd ""type""" NOT NULL,
    kinds app."odd ""type"""[] NOT NULL
);
