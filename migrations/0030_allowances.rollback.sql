-- Refused while the older version would not know what it reads.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.allowances) THEN
        RAISE EXCEPTION 'There are allowances: their credits would stop coming, and their entries could not be explained.';
    END IF;
END
$$;

-- These come back with the code.
DROP FUNCTION IF EXISTS ledger.grant_allowance, ledger.change_allowance, ledger.end_allowance, ledger.allowances_of;

DROP VIEW IF EXISTS ledger_core.journals;

DROP FUNCTION IF EXISTS ledger_core.as_allowance, ledger_core.boundary, ledger_core.hashed_allowance_event,
    ledger_core.is_granted, ledger_core.journal_allowance, ledger_core.noted_allowance, ledger_core.occurrence_at;

ALTER TABLE ledger.operations
DROP CONSTRAINT operations_name_not_reserved,
ADD CONSTRAINT operations_name_not_reserved CHECK (operation NOT IN ('ADJUSTMENT', 'EXPIRY', 'REVERSAL')) NOT VALID;

DROP TYPE ledger.allowance;

DROP TABLE ledger.allowance_events;

DROP TABLE ledger.allowance_entries;

DROP TABLE ledger.allowances;
