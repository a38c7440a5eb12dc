CREATE OR REPLACE FUNCTION ledger.end_allowance(
    app text,
    allowance_nonce text,
    at timestamptz DEFAULT NULL,
    forfeit boolean DEFAULT FALSE,
    owner_id text DEFAULT NULL
)
RETURNS ledger.allowance
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    PERFORM ledger_core.check_end(end_allowance.at);
    SELECT holder_id, asset INTO v_account
    FROM ledger_core.allowance_account(end_allowance.app, end_allowance.allowance_nonce, end_allowance.owner_id);
    IF NOT FOUND THEN
        PERFORM ledger_core.refuse_allowance(end_allowance.app, end_allowance.allowance_nonce, end_allowance.owner_id);
    END IF;
    RETURN ledger_core.end_allowance(
        v_account.holder_id, v_account.asset, end_allowance.app, end_allowance.allowance_nonce, end_allowance.at,
        coalesce(end_allowance.forfeit, FALSE)
    );
END
$$;

COMMENT ON FUNCTION ledger.end_allowance IS
'Ends an allowance, and returns it: nothing comes from it any more. What has come stays until it expires.
at: when; null, or past: now. A later call may say another time until then; infinity takes the end back. forfeit: takes what is
left of it as well, as an entry FORFEITURE, but for what holds reserve; at once only. Ending an ended allowance again changes
nothing (replayed is true), but forfeit takes what has come free since. owner_id: whose allowance it must be; with partitions, it tells where it is. Null: the nonce says it.
Also on a frozen account. Raises LG001, LG101, LG106, LG306, LG311, LG401.';
