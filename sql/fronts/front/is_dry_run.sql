-- What a partition has recorded, a ROLLBACK of the front cannot take back.
CREATE FUNCTION ledger_front.is_dry_run()
RETURNS boolean
LANGUAGE sql
STABLE
AS $$ SELECT coalesce(current_setting('ledger.dry_run', TRUE), '') = 'on' $$;

COMMENT ON FUNCTION ledger_front.is_dry_run IS
'Whether the setting ledger.dry_run is on: then partitions roll every call back, and answer as ever.';
