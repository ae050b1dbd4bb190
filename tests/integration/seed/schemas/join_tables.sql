-- Join tables.
-- fewer: app.profiles=40 app.members=400

CREATE TABLE app.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE
    CHECK (email = lower(email) AND email ~ '^[^@ ]+@[^@ ]+[.][a-z]{2,}$'));
CREATE TABLE app.profiles (user_id uuid PRIMARY KEY REFERENCES app.users, bio text NOT NULL);
CREATE TYPE app.part AS ENUM ('reader', 'writer', 'owner');
CREATE TABLE app.teams (id smallint PRIMARY KEY, title text NOT NULL CHECK (title <> ''));
CREATE TABLE app.members (
    team_id smallint REFERENCES app.teams, user_id uuid REFERENCES app.users, part app.part,
    PRIMARY KEY (team_id, user_id, part)
);
