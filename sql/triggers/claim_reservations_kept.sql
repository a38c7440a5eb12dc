DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger
        WHERE tgrelid = 'ledger.claim_reservations'::regclass AND tgname = 'claim_reservations_kept'
    ) THEN
        CREATE TRIGGER claim_reservations_kept
        BEFORE TRUNCATE ON ledger.claim_reservations
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.claim_reservations ENABLE ALWAYS TRIGGER claim_reservations_kept;
    END IF;
END
$$;

COMMENT ON TRIGGER claim_reservations_kept ON ledger.claim_reservations IS
'Refuses to truncate: LG901. Settling changes and deletes single rows.';
