CREATE OR REPLACE FUNCTION ledger_core.check_known_account(owner_id text, asset text)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    IF NOT ledger_core.is_key(check_known_account.owner_id) THEN
        PERFORM ledger_core.check_key('owner_id', check_known_account.owner_id);
    ELSIF NOT EXISTS (SELECT 1 FROM ledger.operations WHERE asset = check_known_account.asset)
        -- Of an operation that has had another asset, or was rolled back.
        AND NOT EXISTS (
            SELECT 1 FROM ledger.accounts
            WHERE owner_id = check_known_account.owner_id AND asset = check_known_account.asset
        )
    THEN
        PERFORM ledger_core.refuse_asset(check_known_account.asset);
    END IF;
    PERFORM ledger_core.check_partition(check_known_account.owner_id);
END
$$;

COMMENT ON FUNCTION ledger_core.check_known_account IS
'Raises LG001 naming the field unless owner_id can name an owner, and asset is one: an operation counts it, retired or not,
or the owner has an account in it. Without this, a typing error in the asset would be answered with zeros.
Raises LG311 if another partition keeps the owner: it may have credits there.';
