-- Prices by quantity of an app's own, and which of its operations a budget of everybody counts.
-- Tables that every call reads are changed one by one: callers would block a transaction that locks two of them.
-- depends: 0026_debts

ALTER TABLE ledger.app_operations
ADD COLUMN unit_amount bigint,
ADD COLUMN unit_size bigint,
ADD COLUMN rounding text COLLATE "C",
ADD COLUMN is_budgeted boolean NOT NULL DEFAULT FALSE,
ADD CONSTRAINT app_operations_price_whole CHECK (
    num_nulls(unit_amount, unit_size, rounding) IN (0, 3) AND unit_size > 0 AND rounding IN ('up', 'down', 'nearest')
) NOT VALID;
