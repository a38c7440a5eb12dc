DROP VIEW ledger.open_holds;

ALTER TABLE ledger.holds
DROP COLUMN rounding,
DROP COLUMN unit_size,
DROP COLUMN unit_amount,
DROP COLUMN quantity,
DROP COLUMN spender;
