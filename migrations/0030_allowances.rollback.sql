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
    ledger_core.is_granted, ledger_core.journal_allowance, ledger_core.noted_allowance, ledger_core.occurrence_at,
    ledger_core.change_allowance, ledger_core.check_allowance, ledger_core.end_allowance, ledger_core.fills_debts,
    ledger_core.forfeit_allowance, ledger_core.grant_allowance, ledger_core.left_of_allowance, ledger_core.left_of_occurrence,
    ledger_core.next_boundary, ledger_core.next_ungranted, ledger_core.record_from_allowance, ledger_core.refuse_ended,
    ledger_core.replay_of_allowance, ledger_core.rewound;

ALTER TABLE ledger.operations
DROP CONSTRAINT operations_name_not_reserved,
ADD CONSTRAINT operations_name_not_reserved CHECK (operation NOT IN ('ADJUSTMENT', 'EXPIRY', 'REVERSAL')) NOT VALID;

DROP TYPE ledger.allowance;

DROP TABLE ledger.allowance_events;

DROP TABLE ledger.allowance_entries;

DROP TABLE ledger.allowances;
