-- Trees.

CREATE TABLE app.nodes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, root_id bigint NOT NULL REFERENCES app.nodes,
    kind text NOT NULL CHECK (kind IN ('a', 'b')), parent_id bigint, UNIQUE (id, kind),
    FOREIGN KEY (parent_id, kind) REFERENCES app.nodes (id, kind), CHECK (parent_id <> id)
);
CREATE TABLE app.tree (path text PRIMARY KEY, above text REFERENCES app.tree);
