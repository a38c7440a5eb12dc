-- Refused while there are transfers: the older version could not tell why their hashes are what they are.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger.entries WHERE peer_seq IS NOT NULL)
        OR EXISTS (SELECT 1 FROM ledger.operations WHERE transferable)
    THEN
        RAISE EXCEPTION 'Credits were transferred here, or an operation is there that transfers. '
            'The version before cannot read them: keep this version, or restore a backup.';
    END IF;
END
$$;

-- They come back with the code, which has some of them in another form.
DROP FUNCTION IF EXISTS ledger.define_operation, ledger.liability, ledger.operations_of, ledger.transfer_credits,
    ledger_core.lock_pair;

DROP TYPE ledger_core.account_pair;

DROP VIEW IF EXISTS ledger.trial_balance;

DROP VIEW IF EXISTS ledger_core.movements_by_class;

DROP VIEW IF EXISTS ledger_core.movements;

DROP VIEW IF EXISTS ledger.operation_sets;

DROP VIEW IF EXISTS ledger_core.rules_in_force;

DROP VIEW IF EXISTS ledger.entry_journal;

ALTER TABLE ledger.entries
DROP COLUMN peer_seq,
DROP COLUMN peer_owner_id;

ALTER TABLE ledger.operations
DROP COLUMN transferable;
