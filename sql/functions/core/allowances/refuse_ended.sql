CREATE OR REPLACE FUNCTION ledger_core.refuse_ended(allowance ledger.allowances)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.refuse('allowance_ended', jsonb_strip_nulls(jsonb_build_object(
        'app', allowance.app, 'allowance_nonce', allowance.nonce, 'ends_at', ledger_core.json_time(allowance.ends_at),
        'occurrences', allowance.occurrences
    )), CASE
        WHEN allowance.ends_at > ledger_core.clock()
            THEN 'First take its end back, with ledger.end_allowance at infinity; or let it end, and grant a new one.'
    END);
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_ended IS
'Raises LG306: nothing will come from the allowance any more.';
