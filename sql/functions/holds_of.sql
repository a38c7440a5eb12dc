-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger.holds_of(
    owner_id text,
    asset text DEFAULT 'CREDIT',
    status text DEFAULT NULL,
    before timestamptz DEFAULT NULL,
    max_rows integer DEFAULT 50
)
RETURNS SETOF ledger.hold_row
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
BEGIN
    PERFORM ledger_core.check_at_most('max_rows', holds_of.max_rows, ledger_core.max_page());
    IF holds_of.status NOT IN ('open', 'captured', 'released', 'expired') THEN
        PERFORM ledger_core.refuse('invalid_request', jsonb_build_object(
            'field', 'status', 'reason', 'must be open, captured, released or expired'
        ));
    END IF;
    RETURN QUERY
    SELECT
        now.owner_id, now.asset, now.app, now.operation, now.nonce, now.amount, now.captured,
        CASE now.status WHEN 'open' THEN now.amount - now.captured ELSE 0 END,
        now.status, now.placed_at, now.expires_at,
        CASE WHEN now.status = 'expired' THEN coalesce(now.closed_at, now.expires_at) ELSE now.closed_at END,
        now.metadata, FALSE, now.spender, now.quantity
    FROM (
        SELECT
            holds.owner_id, holds.asset, holds.app, holds.operation, holds.nonce, holds.amount, holds.captured,
            holds.placed_at, holds.expires_at, holds.closed_at, holds.metadata,
            holds.spender, holds.quantity,
            ledger_core.hold_status_at(holds.status, holds.expires_at, v_now) AS status
        FROM ledger.holds
        WHERE holds.owner_id = holds_of.owner_id AND holds.asset = holds_of.asset
            AND holds.placed_at < coalesce(holds_of.before, 'infinity')
    ) AS now
    WHERE holds_of.status IS NULL OR now.status = holds_of.status
    ORDER BY now.placed_at DESC
    LIMIT holds_of.max_rows;
    IF NOT FOUND THEN
        -- What has rows needs no check.
        PERFORM ledger_core.check_known_account(holds_of.owner_id, holds_of.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger.holds_of IS
'The holds of an account in all apps, newest first: at most max_rows (1 to 1000), with the given status or (null) any.
Only those placed before the given time (null: from the newest). Raises LG001.';
