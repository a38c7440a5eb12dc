CREATE OR REPLACE FUNCTION ledger_core.verify_growths(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    -- Each growth has a line of its own in the journal, and each such line a growth.
    RETURN QUERY
    SELECT
        'growth not as noted', 'hold_growths', coalesce(growths.owner_id, noted.owner_id)::text,
        coalesce(growths.asset, noted.asset)::text, NULL::bigint,
        jsonb_build_object(
            'app', coalesce(growths.app, noted.app), 'nonce', coalesce(growths.nonce, noted.growth ->> 'nonce'),
            'expected', noted.growth || jsonb_build_object('hold_nonce', noted.hold_nonce),
            'found', growths.growth || jsonb_build_object('hold_nonce', growths.hold_nonce)
        )
    FROM (
        SELECT
            grown.owner_id, grown.asset, grown.app, grown.nonce, grown.hold_nonce,
            ledger_core.noted_growth(grown.nonce, grown.amount, grown.grown_at) AS growth
        FROM ledger.hold_growths AS grown
        WHERE ledger_core.owner_in_range(grown.owner_id, first, last, included)
    ) AS growths
    FULL JOIN (
        SELECT events.owner_id, events.asset, events.app, events.hold_nonce, events.hold -> 'growth' AS growth
        FROM ledger.hold_events AS events
        WHERE ledger_core.owner_in_range(events.owner_id, first, last, included) AND events.event = 'grown'
    ) AS noted
        ON growths.owner_id = noted.owner_id AND growths.asset = noted.asset AND growths.app = noted.app
        AND growths.nonce = noted.growth ->> 'nonce'
    WHERE (growths.hold_nonce, growths.growth) IS DISTINCT FROM (noted.hold_nonce, noted.growth);

    RETURN QUERY
    SELECT
        checks.problem, 'hold_growths', grown.owner_id::text, grown.asset::text, NULL::bigint,
        jsonb_build_object(
            'app', grown.app, 'hold_nonce', grown.hold_nonce, 'expected', checks.expected, 'found', checks.found
        )
    FROM (
        SELECT
            growths.owner_id, growths.asset, growths.app, growths.hold_nonce, sum(growths.amount) AS amount,
            count(*) FILTER (WHERE taken.nonce IS NULL) AS not_taken,
            count(*) FILTER (WHERE others.is_recorded OR others.is_placed) AS shared
        FROM ledger.hold_growths AS growths
        LEFT JOIN ledger_core.nonces AS taken ON growths.app = taken.app AND growths.nonce = taken.nonce
        -- By key for each growth: a join would read tables as a whole.
        CROSS JOIN LATERAL (
            SELECT
                EXISTS (
                    SELECT 1 FROM ledger.entries WHERE entries.app = growths.app AND entries.nonce = growths.nonce
                ) AS is_recorded,
                EXISTS (
                    SELECT 1 FROM ledger.holds WHERE holds.app = growths.app AND holds.nonce = growths.nonce
                ) AS is_placed
            OFFSET 0
        ) AS others
        WHERE ledger_core.owner_in_range(growths.owner_id, first, last, included)
        GROUP BY growths.owner_id, growths.asset, growths.app, growths.hold_nonce
    ) AS grown
    LEFT JOIN ledger.holds
        ON grown.owner_id = holds.owner_id AND grown.asset = holds.asset AND grown.app = holds.app
        AND grown.hold_nonce = holds.nonce
    LEFT JOIN LATERAL (
        -- As it was before it grew
        SELECT (events.hold ->> 'amount')::bigint AS amount
        FROM ledger.hold_events AS events
        WHERE events.owner_id = grown.owner_id AND events.asset = grown.asset AND events.app = grown.app
            AND events.hold_nonce = grown.hold_nonce
        ORDER BY events.event_seq
        LIMIT 1
    ) AS first_noted ON TRUE
    CROSS JOIN LATERAL (
        VALUES
        ('growth without hold', 'hold', CASE WHEN holds.nonce IS NULL THEN 'none' END),
        ('amount wrong', (first_noted.amount + grown.amount)::text, holds.amount::text),
        ('nonce not taken', '0', grown.not_taken::text),
        ('nonce used by a growth and something else', '0', grown.shared::text)
    ) AS checks (problem, expected, found)
    WHERE checks.expected <> checks.found;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_growths IS
'Growths of holds that do not agree with the journal, with the hold, or with the nonces that are taken.';
