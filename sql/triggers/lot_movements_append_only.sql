DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_trigger WHERE tgrelid = 'ledger.lot_movements'::regclass AND tgname = 'lot_movements_append_only'
    ) THEN
        CREATE TRIGGER lot_movements_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.lot_movements
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_change();
        ALTER TABLE ledger.lot_movements ENABLE ALWAYS TRIGGER lot_movements_append_only;
    END IF;
END
$$;

COMMENT ON TRIGGER lot_movements_append_only ON ledger.lot_movements IS
'Refuses to change or remove rows: LG901.';
