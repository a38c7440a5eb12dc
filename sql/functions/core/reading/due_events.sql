-- Computes what settling the account does, event by event, without writing.
CREATE OR REPLACE FUNCTION ledger_core.due_events(owner_id text, asset text, until timestamptz)
RETURNS TABLE (
    at timestamptz, kind text, amount bigint, balance bigint, held bigint, seq bigint, app text, nonce text
)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    SELECT balance, held, next_due_at INTO v_account
    FROM ledger.accounts
    WHERE owner_id = due_events.owner_id AND asset = due_events.asset;
    IF coalesce(v_account.next_due_at > due_events.until OR v_account.next_due_at = 'infinity', TRUE) THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH open AS MATERIALIZED (
        SELECT holds.app, holds.nonce, holds.amount - holds.captured AS amount, holds.expires_at
        FROM ledger.holds
        WHERE holds.owner_id = due_events.owner_id AND holds.asset = due_events.asset AND holds.status = 'open'
            AND holds.expires_at <= due_events.until
    ),

    expiring AS (
        SELECT lots.seq, lots.expires_at AS at, lots.remaining - lots.held AS amount
        FROM ledger.lots
        WHERE lots.owner_id = due_events.owner_id AND lots.asset = due_events.asset
            AND lots.remaining > 0 AND lots.remaining > lots.held AND lots.expires_at <= due_events.until
        UNION ALL
        -- Credits that a hold reserves expire when it ends, or later.
        SELECT lots.seq, greatest(lots.expires_at, open.expires_at), hold_lots.amount
        FROM open
        INNER JOIN ledger.hold_lots ON open.app = hold_lots.app AND open.nonce = hold_lots.hold_nonce
        INNER JOIN ledger.lots
            ON hold_lots.owner_id = lots.owner_id AND hold_lots.asset = lots.asset AND hold_lots.lot_seq = lots.seq
        WHERE hold_lots.owner_id = due_events.owner_id AND lots.owner_id = due_events.owner_id
            AND lots.asset = due_events.asset AND lots.expires_at <= due_events.until
    ),

    events AS (
        SELECT 1 AS rank, open.expires_at AS at, open.amount, 0 AS gone, open.amount AS freed, NULL::bigint AS seq,
            open.app, open.nonce
        FROM open
        UNION ALL
        SELECT 2, expiring.at, -sum(expiring.amount)::bigint, sum(expiring.amount)::bigint, 0, expiring.seq, NULL, NULL
        FROM expiring
        GROUP BY expiring.at, expiring.seq
    )

    SELECT
        events.at,
        CASE events.rank WHEN 1 THEN 'hold_end' ELSE 'expiry' END,
        events.amount,
        v_account.balance - (sum(events.gone) OVER running)::bigint,
        v_account.held - (sum(events.freed) OVER running)::bigint,
        events.seq,
        events.app::text,
        events.nonce::text
    FROM events
    WINDOW running AS (ORDER BY events.at, events.rank, events.seq, events.app, events.nonce)
    ORDER BY events.at, events.rank, events.seq, events.app, events.nonce;
END
$$;

COMMENT ON FUNCTION ledger_core.due_events IS
'What happens to an account by the clock alone, from what is overdue and not posted yet until the given time
(included), in the order of time; at equal times holds end before credits expire.
kind hold_end: the hold (app, nonce) ends; amount: what it gives back. kind expiry: credits of the lot seq expire; amount:
the change of the balance, negative. balance, held: of the account afterwards.';
