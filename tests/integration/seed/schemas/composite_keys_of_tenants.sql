-- Composite keys of tenants.

CREATE TABLE app.tenants (id integer PRIMARY KEY, slug varchar(12) NOT NULL UNIQUE);
CREATE TABLE app.customers (
    tenant_id integer NOT NULL REFERENCES app.tenants, id bigint NOT NULL, PRIMARY KEY (tenant_id, id)
);
CREATE TABLE app.products (
    tenant_id integer NOT NULL REFERENCES app.tenants, sku text NOT NULL, PRIMARY KEY (tenant_id, sku)
);
CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES app.tenants,
    customer_id bigint NOT NULL, sku text, parent_id bigint,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES app.customers (tenant_id, id),
    FOREIGN KEY (tenant_id, sku) REFERENCES app.products (tenant_id, sku),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES app.orders (tenant_id, id)
);
