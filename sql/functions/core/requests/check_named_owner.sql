CREATE OR REPLACE FUNCTION ledger_core.check_named_owner(owner_id text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF owner_id IS NOT NULL THEN
        PERFORM ledger_core.check_key('owner_id', owner_id);
        PERFORM ledger_core.check_partition(owner_id);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.check_named_owner IS
'Raises LG001 or LG311 for an owner whom a request names in addition to a nonce, and who can have nothing here. Null: none
is named.';
