CREATE OR REPLACE FUNCTION ledger_core.check_new_owner(owner_id text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.check_key('owner_id', owner_id);
    PERFORM ledger_core.check_addressable('owner_id', owner_id);
    PERFORM ledger_core.check_partition(owner_id);
END
$$;

COMMENT ON FUNCTION ledger_core.check_new_owner IS
'Raises LG001 for an owner that is no key or that no URL can contain, LG311 for one that belongs to another partition. For
owners without an account.';
