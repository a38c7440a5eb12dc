-- Refused while the older version would not know what it reads.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.hold_growths) THEN
        RAISE EXCEPTION 'There are holds that have grown: their events cannot be explained without ledger.hold_growths.';
    END IF;
END
$$;

-- They come back with the code.
DROP VIEW IF EXISTS ledger.operation_sets;

DROP VIEW IF EXISTS ledger_core.rules_in_force;

ALTER TABLE ledger.operations
DROP COLUMN max_debt,
DROP COLUMN rounding,
DROP COLUMN unit_size,
DROP COLUMN unit_amount;

DROP TABLE ledger.hold_growths;
