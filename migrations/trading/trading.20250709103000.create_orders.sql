-- Create trading.orders.
--
-- From intention to last fill. The checks let a row be only in a state that the machine has:
-- pending, open, partially_filled, filled; or ended as cancelled, rejected or expired.
-- depends: public.20250602090000.create_set_updated_at financial.20250619101000.create_accounts trading.20250708090000.create_strategies

CREATE TABLE trading.orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    client_order_id uuid NOT NULL DEFAULT gen_random_uuid(),
    account_id bigint NOT NULL,
    strategy_id bigint,
    instrument text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    time_in_force text NOT NULL DEFAULT 'day',
    quantity numeric(28, 10) NOT NULL,
    filled_quantity numeric(28, 10) NOT NULL DEFAULT 0,
    limit_price numeric(20, 8),
    stop_price numeric(20, 8),
    currency text NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    status_reason text,
    submitted_at timestamptz,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_account_id_client_order_id_key UNIQUE (account_id, client_order_id),
    CONSTRAINT orders_account_id_fkey
        FOREIGN KEY (account_id) REFERENCES financial.accounts (id) ON DELETE RESTRICT,
    CONSTRAINT orders_strategy_id_fkey
        FOREIGN KEY (strategy_id) REFERENCES trading.strategies (id) ON DELETE RESTRICT,
    CONSTRAINT orders_instrument_is_a_symbol CHECK (instrument ~ '^[A-Z0-9][A-Z0-9.:/-]{0,31}$'),
    CONSTRAINT orders_side_is_known CHECK (side IN ('buy', 'sell')),
    CONSTRAINT orders_type_is_known CHECK (order_type IN ('market', 'limit', 'stop', 'stop_limit')),
    CONSTRAINT orders_time_in_force_is_known CHECK (time_in_force IN ('day', 'gtc', 'ioc', 'fok')),
    CONSTRAINT orders_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$'),
    -- NaN is greater than every number: without the upper bounds it would pass.
    CONSTRAINT orders_quantity_is_positive CHECK (quantity > 0 AND quantity < 'NaN'),
    CONSTRAINT orders_filled_within_quantity CHECK (filled_quantity BETWEEN 0 AND quantity),
    CONSTRAINT orders_limit_price_is_positive CHECK (limit_price > 0 AND limit_price < 'NaN'),
    CONSTRAINT orders_stop_price_is_positive CHECK (stop_price > 0 AND stop_price < 'NaN'),
    CONSTRAINT orders_limit_price_fits_type
        CHECK ((order_type IN ('limit', 'stop_limit')) = (limit_price IS NOT NULL)),
    CONSTRAINT orders_stop_price_fits_type
        CHECK ((order_type IN ('stop', 'stop_limit')) = (stop_price IS NOT NULL)),
    CONSTRAINT orders_status_is_known CHECK (
        status IN ('pending', 'open', 'partially_filled', 'filled', 'cancelled', 'rejected', 'expired')
    ),
    CONSTRAINT orders_fill_fits_status CHECK (
        CASE
            WHEN status IN ('pending', 'open', 'rejected') THEN filled_quantity = 0
            WHEN status = 'partially_filled' THEN filled_quantity > 0 AND filled_quantity < quantity
            WHEN status = 'filled' THEN filled_quantity = quantity
            ELSE filled_quantity < quantity  -- cancelled and expired: whatever was filled until then
        END
    ),
    CONSTRAINT orders_submitted_at_fits_status CHECK (
        CASE
            WHEN status = 'pending' THEN submitted_at IS NULL
            WHEN status IN ('open', 'partially_filled', 'filled', 'expired') THEN submitted_at IS NOT NULL
            -- Cancelled or rejected before the venue saw it, or after.
            ELSE filled_quantity = 0 OR submitted_at IS NOT NULL
        END
    ),
    CONSTRAINT orders_closed_at_fits_status
        CHECK ((status IN ('filled', 'cancelled', 'rejected', 'expired')) = (closed_at IS NOT NULL)),
    CONSTRAINT orders_rejection_has_a_reason CHECK (status <> 'rejected' OR status_reason IS NOT NULL),
    CONSTRAINT orders_closed_after_submitted CHECK (closed_at >= submitted_at)
);

-- The worker's question: what is still at work, oldest first. Closed orders, nearly all, are not in it.
CREATE INDEX idx_orders_working
    ON trading.orders (created_at, id)
    WHERE status IN ('pending', 'open', 'partially_filled');

CREATE TRIGGER orders_set_updated_at
    BEFORE UPDATE ON trading.orders
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE trading.orders IS 'Orders to buy or sell; the fills are in trading.executions.';
COMMENT ON COLUMN trading.orders.client_order_id IS
    'Chosen by whoever places the order, so that a repeated request places it once.';
COMMENT ON COLUMN trading.orders.strategy_id IS 'NULL when a person placed the order.';
COMMENT ON COLUMN trading.orders.currency IS 'ISO 4217; the unit of the prices.';
COMMENT ON COLUMN trading.orders.status_reason IS
    'Why the venue or the platform ended the order; required when rejected.';
