-- requires: functions/core/allowances/boundary
CREATE OR REPLACE FUNCTION ledger_core.next_boundary(allowance ledger.allowances)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    -- What was promised stands, even if the rules of the time zone have changed since.
    v_promised timestamptz := (
        SELECT entries.expires_at
        FROM ledger.allowance_entries AS made
        INNER JOIN ledger.entries
            ON made.owner_id = entries.owner_id AND made.asset = entries.asset AND made.seq = entries.seq
        WHERE made.owner_id = allowance.owner_id AND made.app = allowance.app AND made.allowance_nonce = allowance.nonce
            AND made.occurrence = allowance.next_occurrence - 1 AND made.kind = 'granted'
            AND entries.owner_id = allowance.owner_id
    );
BEGIN
    RETURN coalesce(v_promised, ledger_core.boundary(allowance, allowance.next_occurrence));
END
$$;

COMMENT ON FUNCTION ledger_core.next_boundary IS
'When the period next_occurrence of an allowance begins: when the credits of the one before expire.';
