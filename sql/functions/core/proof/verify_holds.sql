CREATE OR REPLACE FUNCTION ledger_core.verify_holds(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH captures AS (
        SELECT
            entries.owner_id, entries.asset, entries.app, entries.hold_nonce, -sum(entries.amount) AS amount,
            bool_or(entries.hold_final) AS final, bool_or(entries.overdrawn IS NOT NULL) AS beyond, min(entries.operation) AS operation,
            max(entries.recorded_at) AS latest_at,
            (array_agg(entries.recorded_at ORDER BY entries.seq DESC))[1] AS last_at
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included) AND entries.hold_nonce IS NOT NULL
        GROUP BY entries.owner_id, entries.asset, entries.app, entries.hold_nonce
    ),

    reserved AS (
        SELECT hold_lots.owner_id, hold_lots.asset, hold_lots.app, hold_lots.hold_nonce, sum(hold_lots.amount) AS amount
        FROM ledger.hold_lots
        WHERE ledger_core.owner_in_range(hold_lots.owner_id, first, last, included)
        GROUP BY hold_lots.owner_id, hold_lots.asset, hold_lots.app, hold_lots.hold_nonce
    )

    SELECT
        checks.problem, 'holds', coalesce(holds.owner_id, captures.owner_id, reserved.owner_id)::text,
        coalesce(holds.asset, captures.asset, reserved.asset)::text, NULL::bigint,
        jsonb_build_object(
            'app', coalesce(holds.app, captures.app, reserved.app),
            'nonce', coalesce(holds.nonce, captures.hold_nonce, reserved.hold_nonce),
            'expected', checks.expected, 'found', checks.found
        )
    FROM (SELECT * FROM ledger.holds WHERE ledger_core.owner_in_range(holds.owner_id, first, last, included)) AS holds
    FULL JOIN captures
        ON holds.owner_id = captures.owner_id AND holds.asset = captures.asset AND holds.app = captures.app
        AND holds.nonce = captures.hold_nonce
    FULL JOIN reserved
        ON holds.owner_id = reserved.owner_id AND holds.asset = reserved.asset AND holds.app = reserved.app
        AND holds.nonce = reserved.hold_nonce
    LEFT JOIN ledger.accounts
        ON holds.owner_id = accounts.owner_id AND holds.asset = accounts.asset
        AND ledger_core.owner_in_range(accounts.owner_id, first, last, included)
    LEFT JOIN ledger.operation_sets AS sets
        ON holds.app = sets.app AND holds.operation = sets.operation AND holds.asset = sets.asset
    CROSS JOIN LATERAL (
        VALUES
        ('hold missing', 'hold', CASE WHEN holds.nonce IS NULL THEN 'none' ELSE 'hold' END),
        ('account missing', 'account', CASE WHEN holds.nonce IS NOT NULL AND accounts.owner_id IS NULL THEN 'none' END),
        (
            'operation not in the set of the app', 'an operation of the asset',
            CASE WHEN holds.nonce IS NOT NULL AND sets.operation IS NULL THEN holds.operation END
        ),
        ('captured wrong', coalesce(captures.amount, 0)::text, holds.captured::text),
        ('operation wrong', captures.operation, holds.operation),
        (
            'captured beyond what was reserved',
            CASE WHEN captures.beyond THEN 'more than ' || holds.amount ELSE 'at most ' || holds.amount END,
            CASE WHEN captures.beyond <> (captures.amount > holds.amount) THEN captures.amount::text END
        ),
        (
            'amount not by its price',
            (ledger_core.growth_of_hold(holds) - ledger_core.amount_of_quantity(
                holds.quantity, holds.unit_amount, holds.unit_size, holds.rounding
            ))::text,
            holds.amount::text
        ),
        (
            'quantity without price', 'both or none',
            CASE
                WHEN num_nulls(holds.quantity, holds.unit_amount, holds.unit_size, holds.rounding) NOT IN (0, 4)
                    THEN 'one without the other'
            END
        ),
        (
            'status wrong',
            CASE WHEN captures.final OR captures.amount >= holds.amount THEN 'captured' END,
            holds.status
        ),
        ('status wrong', 'not captured', CASE WHEN captures.amount IS NULL AND holds.status = 'captured' THEN 'captured' END),
        (
            'reservation wrong', 'at most ' || CASE holds.status WHEN 'open' THEN holds.amount - holds.captured ELSE 0 END,
            CASE
                WHEN reserved.amount > CASE holds.status WHEN 'open' THEN holds.amount - holds.captured ELSE 0 END
                    THEN reserved.amount::text
            END
        ),
        (
            'captured after its end', 'before ' || holds.expires_at,
            CASE WHEN captures.latest_at >= holds.expires_at THEN captures.latest_at::text END
        ),
        (
            'status wrong', 'open, captured, released or expired',
            CASE WHEN holds.status NOT IN ('open', 'captured', 'released', 'expired') THEN holds.status END
        ),
        (
            'closed_at wrong',
            CASE holds.status
                WHEN 'open' THEN 'none'
                WHEN 'captured' THEN captures.last_at::text
                WHEN 'expired' THEN holds.expires_at::text
                WHEN 'released' THEN 'before ' || holds.expires_at
            END,
            CASE
                WHEN holds.status = 'released' AND holds.closed_at < holds.expires_at THEN 'before ' || holds.expires_at
                ELSE coalesce(holds.closed_at::text, 'none')
            END
        )
    ) AS checks (problem, expected, found)
    WHERE checks.expected <> checks.found;

    RETURN QUERY SELECT * FROM ledger_core.verify_growths(first, last, included);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_holds IS
'Holds that do not agree with the entries that captured them, with what they reserve of lots, with the catalogue, or
with their own times.';
