CREATE OR REPLACE FUNCTION ledger_core.verify_hold_events(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'hold not as last noted', 'holds', coalesce(present.owner_id, noted.owner_id)::text,
        coalesce(present.asset, noted.asset)::text, NULL::bigint,
        jsonb_build_object(
            'app', coalesce(present.app, noted.app), 'nonce', coalesce(present.nonce, noted.hold_nonce),
            'expected', noted.hold, 'found', present.hold
        )
    FROM (
        SELECT
            holds.owner_id, holds.asset, holds.app, holds.nonce,
            ledger_core.noted_hold(holds, reserved.lots) AS hold
        FROM ledger.holds
        LEFT JOIN (
            SELECT
                hold_lots.owner_id, hold_lots.asset, hold_lots.app, hold_lots.hold_nonce,
                jsonb_object_agg(hold_lots.lot_seq, hold_lots.amount) AS lots
            FROM ledger.hold_lots
            WHERE ledger_core.owner_in_range(hold_lots.owner_id, first, last, included)
            GROUP BY hold_lots.owner_id, hold_lots.asset, hold_lots.app, hold_lots.hold_nonce
        ) AS reserved
            ON holds.owner_id = reserved.owner_id AND holds.asset = reserved.asset AND holds.app = reserved.app
            AND holds.nonce = reserved.hold_nonce
        WHERE ledger_core.owner_in_range(holds.owner_id, first, last, included)
    ) AS present
    FULL JOIN (
        SELECT DISTINCT ON (events.owner_id, events.asset, events.app, events.hold_nonce)
            -- A growth is said once, of which ledger_core.verify_growths has more.
            events.owner_id, events.asset, events.app, events.hold_nonce,
            CASE jsonb_typeof(events.hold) WHEN 'object' THEN events.hold - 'growth' ELSE events.hold END AS hold
        FROM ledger.hold_events AS events
        WHERE ledger_core.owner_in_range(events.owner_id, first, last, included)
        ORDER BY events.owner_id, events.asset, events.app, events.hold_nonce, events.event_seq DESC
    ) AS noted
        ON present.owner_id = noted.owner_id AND present.asset = noted.asset AND present.app = noted.app
        AND present.nonce = noted.hold_nonce
    WHERE present.hold IS DISTINCT FROM noted.hold;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_hold_events IS
'Holds, with what they reserve of each lot, that differ from their last event, have no event, or are gone.';
