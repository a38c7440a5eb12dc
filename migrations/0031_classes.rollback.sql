-- Refused while there are credits of a class: the older version would spend them for anything, and could not tell why their
-- hashes are what they are.
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM ledger.lots
        WHERE expires_at IS NULL OR num_nonnulls(credit_class, priority, usable_for, usable_in) > 0
    ) THEN
        RAISE EXCEPTION 'Credits of a class, or of limited use, were granted here. '
            'The version before cannot read them: keep this version, or restore a backup.';
    END IF;
END
$$;

-- They come back with the code, which has some of them in another form.
DROP VIEW IF EXISTS ledger.account_balances;

DROP FUNCTION IF EXISTS ledger.balance, ledger.balance_parts, ledger.define_operation, ledger.liability, ledger.lots_of,
    ledger.operations_of;

DROP VIEW IF EXISTS ledger.trial_balance;

DROP VIEW IF EXISTS ledger_core.movements_by_class;

DROP VIEW IF EXISTS ledger_core.movements;

DROP VIEW IF EXISTS ledger.operation_sets;

DROP VIEW IF EXISTS ledger_core.rules_in_force;

DROP VIEW IF EXISTS ledger.entry_journal;

ALTER TABLE ledger.lots
ALTER COLUMN expires_at SET NOT NULL,
DROP COLUMN usable_in,
DROP COLUMN usable_for,
DROP COLUMN priority,
DROP COLUMN credit_class;

ALTER TABLE ledger.entries
DROP COLUMN usable_in,
DROP COLUMN usable_for,
DROP COLUMN priority,
DROP COLUMN credit_class;

ALTER TABLE ledger.operations
DROP COLUMN usable_in,
DROP COLUMN usable_for,
DROP COLUMN priority,
DROP COLUMN credit_class;
