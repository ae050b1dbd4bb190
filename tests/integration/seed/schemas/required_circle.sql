-- A circle that no statement of its own can fill: no foreign key of it can wait.

CREATE TABLE app.accounts (
    id uuid PRIMARY KEY,
    owner_id bigint NOT NULL
);
CREATE TABLE app.owners (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    main_account_id uuid NOT NULL REFERENCES app.accounts,
    code text NOT NULL UNIQUE
);
ALTER TABLE app.accounts ADD FOREIGN KEY (owner_id) REFERENCES app.owners;
