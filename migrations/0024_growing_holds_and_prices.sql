-- Holds that grow, operations with a price by quantity, and the debt that a capture may leave.
-- depends: 0023_budgets

CREATE TABLE ledger.hold_growths (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    hold_nonce text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    grown_at timestamptz NOT NULL,
    CONSTRAINT hold_growths_pkey PRIMARY KEY (owner_id, app, nonce),
    CONSTRAINT hold_growths_nonce_once_per_app UNIQUE (app, nonce),
    CONSTRAINT hold_growths_amount_positive CHECK (amount > 0)
);

COMMENT ON TABLE ledger.hold_growths IS 'By how much holds have grown since they were placed, and under which nonce. Append only.';

CREATE INDEX hold_growths_hold_idx ON ledger.hold_growths (owner_id, app, hold_nonce);

ALTER TABLE ledger.operations
ADD COLUMN unit_amount bigint,
ADD COLUMN unit_size bigint,
ADD COLUMN rounding text COLLATE "C",
ADD COLUMN max_debt bigint,
ADD CONSTRAINT operations_price_whole CHECK (
    num_nulls(unit_amount, unit_size, rounding) IN (0, 3) AND unit_size > 0 AND rounding IN ('up', 'down', 'nearest')
) NOT VALID,
ADD CONSTRAINT operations_max_debt_positive CHECK (max_debt > 0) NOT VALID;
