-- They come back with the code.
DROP VIEW IF EXISTS ledger.operation_sets;

DROP VIEW IF EXISTS ledger_core.rules_in_force;

ALTER TABLE ledger.app_operations
DROP COLUMN is_budgeted,
DROP COLUMN rounding,
DROP COLUMN unit_size,
DROP COLUMN unit_amount;
