-- Generated columns.

CREATE TABLE app.lines (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 20),
    price numeric(8, 2) NOT NULL CHECK (price > 0), net numeric(12, 2) NOT NULL,
    tax numeric(12, 2) GENERATED ALWAYS AS (net * 0.19) STORED,
    total numeric(12, 2), CHECK (net = quantity * price), CHECK (total >= net),
    half numeric(12, 2) CHECK (half * 2 <= net)
);
