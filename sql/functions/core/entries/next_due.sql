CREATE OR REPLACE FUNCTION ledger_core.next_due(owner_id text, asset text)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN least(
        'infinity',
        (
            SELECT min(expires_at) FROM ledger.holds
            WHERE owner_id = next_due.owner_id AND asset = next_due.asset AND status = 'open'
        ),
        (
            SELECT min(expires_at) FROM ledger.lots
            WHERE owner_id = next_due.owner_id AND asset = next_due.asset AND remaining > 0 AND remaining > held
        )
    );
END
$$;

COMMENT ON FUNCTION ledger_core.next_due IS
'The time at which the account''s next hold ends or its next credits that no hold reserves expire; infinity if there are
neither.';
