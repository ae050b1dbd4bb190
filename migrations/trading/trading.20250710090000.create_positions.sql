-- Create trading.positions.
--
-- What an account holds of an instrument, in one row that every fill updates.
-- depends: public.20250602090000.create_set_updated_at financial.20250619101000.create_accounts

CREATE TABLE trading.positions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    account_id bigint NOT NULL,
    instrument text NOT NULL,
    quantity numeric(28, 10) NOT NULL DEFAULT 0,
    average_price numeric(20, 8) NOT NULL DEFAULT 0,
    realized_profit numeric(20, 4) NOT NULL DEFAULT 0,
    currency text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT positions_pkey PRIMARY KEY (id),
    CONSTRAINT positions_account_id_instrument_key UNIQUE (account_id, instrument),
    CONSTRAINT positions_account_id_fkey
        FOREIGN KEY (account_id) REFERENCES financial.accounts (id) ON DELETE RESTRICT,
    CONSTRAINT positions_instrument_is_a_symbol CHECK (instrument ~ '^[A-Z0-9][A-Z0-9.:/-]{0,31}$'),
    CONSTRAINT positions_quantity_is_a_number CHECK (quantity <> 'NaN'),
    CONSTRAINT positions_average_price_is_not_negative CHECK (average_price >= 0 AND average_price < 'NaN'),
    CONSTRAINT positions_realized_profit_is_a_number CHECK (realized_profit <> 'NaN'),
    CONSTRAINT positions_flat_has_no_price CHECK (quantity <> 0 OR average_price = 0),
    CONSTRAINT positions_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$')
)
-- Every fill updates its row: room in the page keeps the update out of the indexes.
WITH (fillfactor = 80);

CREATE TRIGGER positions_set_updated_at
    BEFORE UPDATE ON trading.positions
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE trading.positions IS 'Holdings, one row for each account and instrument.';
COMMENT ON COLUMN trading.positions.quantity IS
    'Positive long, negative short, zero flat; a flat row stays for its realized_profit.';
COMMENT ON COLUMN trading.positions.average_price IS
    'Average price paid or received for one unit of what is held; zero when flat.';
COMMENT ON COLUMN trading.positions.currency IS 'ISO 4217; the unit of average_price and realized_profit.';
