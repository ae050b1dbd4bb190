-- Create trading.executions.
--
-- The fills as the venue reported them: facts, written once.
-- depends: trading.20250709103000.create_orders

CREATE TABLE trading.executions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    order_id bigint NOT NULL,
    venue text NOT NULL,
    venue_execution_id text NOT NULL,
    quantity numeric(28, 10) NOT NULL,
    price numeric(20, 8) NOT NULL,
    fee numeric(20, 4) NOT NULL DEFAULT 0,
    fee_currency text NOT NULL,
    executed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT executions_pkey PRIMARY KEY (id),
    CONSTRAINT executions_venue_venue_execution_id_key UNIQUE (venue, venue_execution_id),
    CONSTRAINT executions_order_id_fkey
        FOREIGN KEY (order_id) REFERENCES trading.orders (id) ON DELETE RESTRICT,
    CONSTRAINT executions_venue_is_not_blank CHECK (venue ~ '[^[:space:]]'),
    -- NaN is greater than every number: without the upper bounds it would pass.
    CONSTRAINT executions_quantity_is_positive CHECK (quantity > 0 AND quantity < 'NaN'),
    CONSTRAINT executions_price_is_positive CHECK (price > 0 AND price < 'NaN'),
    CONSTRAINT executions_fee_is_a_number CHECK (fee <> 'NaN'),
    CONSTRAINT executions_fee_currency_is_a_code CHECK (fee_currency ~ '^[A-Z]{3}$')
);

CREATE INDEX idx_executions_order_id ON trading.executions (order_id, executed_at, id);

COMMENT ON TABLE trading.executions IS
    'Fills of orders, as the venue reported them; written once, never changed.';
COMMENT ON COLUMN trading.executions.venue_execution_id IS
    'The venue''s own identifier: a report that arrives twice is stored once.';
COMMENT ON COLUMN trading.executions.price IS 'For one unit, in the currency of the order.';
COMMENT ON COLUMN trading.executions.fee IS 'What the venue took; negative for a rebate.';
COMMENT ON COLUMN trading.executions.executed_at IS
    'By the venue''s clock; created_at is when the report arrived.';
