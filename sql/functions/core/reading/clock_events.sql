-- requires: functions/core/allowances/allowance_schedule, functions/core/allowances/was_ahead
-- The one place that says in which order things happen by the clock.
CREATE OR REPLACE FUNCTION ledger_core.clock_events(
    owner_id text, asset text, seen_until timestamptz, until timestamptz, most integer DEFAULT 2147483647
)
RETURNS TABLE (
    at timestamptz,
    kind text,
    amount bigint,
    balance bigint,
    held bigint,
    seq bigint,
    app text,
    nonce text,
    expires_at timestamptz,
    free bigint,
    operation text,
    occurrence integer
)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
BEGIN
    SELECT balance, held, last_seq, next_due_at, last_entry_at INTO v_account
    FROM ledger.accounts
    WHERE owner_id = clock_events.owner_id AND asset = clock_events.asset;
    IF coalesce(
        (v_account.next_due_at > clock_events.until OR v_account.next_due_at = 'infinity')
        AND NOT ledger_core.was_ahead(v_account.last_entry_at, clock_events.seen_until),
        TRUE
    ) THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH open AS MATERIALIZED (
        SELECT holds.app, holds.nonce, holds.amount - holds.captured AS amount, holds.expires_at
        FROM ledger.holds
        WHERE holds.owner_id = clock_events.owner_id AND holds.asset = clock_events.asset AND holds.status = 'open'
            AND holds.expires_at <= clock_events.until
    ),

    expiring AS (
        SELECT lots.seq, lots.expires_at AS at, lots.remaining - lots.held AS amount
        FROM ledger.lots
        WHERE lots.owner_id = clock_events.owner_id AND lots.asset = clock_events.asset
            AND lots.remaining > 0 AND lots.remaining > lots.held AND lots.expires_at <= clock_events.until
        UNION ALL
        -- Credits that a hold reserves expire when it ends, or later.
        SELECT lots.seq, greatest(lots.expires_at, open.expires_at), hold_lots.amount
        FROM open
        INNER JOIN ledger.hold_lots ON open.app = hold_lots.app AND open.nonce = hold_lots.hold_nonce
        INNER JOIN ledger.lots
            ON hold_lots.owner_id = lots.owner_id AND hold_lots.asset = lots.asset AND hold_lots.lot_seq = lots.seq
        WHERE hold_lots.owner_id = clock_events.owner_id AND lots.owner_id = clock_events.owner_id
            AND lots.asset = clock_events.asset AND lots.expires_at <= clock_events.until
    ),

    events AS (
        SELECT
            1 AS rank, 'hold_end' AS kind, open.expires_at AS at, open.amount, 0::bigint AS change, open.amount AS freed,
            NULL::bigint AS seq, open.app::text, open.nonce::text, NULL::timestamptz AS expires_at, NULL::bigint AS free,
            NULL AS operation, NULL::integer AS occurrence
        FROM open
        UNION ALL
        SELECT
            2, 'expiry', expiring.at, -sum(expiring.amount)::bigint, -sum(expiring.amount)::bigint, 0, expiring.seq,
            NULL, NULL, NULL, NULL, NULL, NULL
        FROM expiring
        GROUP BY expiring.at, expiring.seq
        UNION ALL
        -- What was there expires before anything comes.
        SELECT
            CASE coming.kind WHEN 'expiry' THEN 2 WHEN 'carry_over' THEN 3 ELSE 4 END, coming.kind, coming.at,
            coming.amount, coming.amount, 0, NULL, coming.app, coming.nonce, coming.expires_at, coming.free,
            coming.operation, coming.occurrence
        FROM ledger_core.allowance_schedule(
            clock_events.owner_id, clock_events.asset, clock_events.seen_until, clock_events.until, clock_events.most
        ) AS coming
        WHERE coming.at <= clock_events.until
    )

    SELECT
        events.at,
        events.kind,
        events.amount,
        v_account.balance + (sum(events.change) OVER running)::bigint,
        v_account.held - (sum(events.freed) OVER running)::bigint,
        -- An entry that is not recorded yet has the seq that it will have.
        CASE
            WHEN events.rank > 2 THEN v_account.last_seq + (sum(events.entries) OVER running)::bigint
            ELSE events.seq
        END,
        events.app,
        events.nonce,
        events.expires_at,
        events.free,
        events.operation,
        events.occurrence
    FROM (
        SELECT
            events.*,
            -- All that expires at a moment is one entry.
            CASE
                WHEN events.rank > 2 THEN 1
                WHEN events.rank = 2
                    AND row_number() OVER (
                        PARTITION BY events.at, events.rank ORDER BY events.seq, events.app, events.nonce, events.occurrence
                    ) = 1
                    THEN 1
                ELSE 0
            END AS entries
        FROM events
    ) AS events
    WINDOW running AS (
        ORDER BY events.at, events.rank, events.seq, events.app, events.nonce, events.occurrence
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
    ORDER BY events.at, events.rank, events.seq, events.app, events.nonce, events.occurrence;
END
$$;

COMMENT ON FUNCTION ledger_core.clock_events IS
'What happens to an account by the clock until a time, in the order in which it happens, without writing. At one moment holds
end first, then credits expire, then what is left of allowances is carried over, then allowances come.
kind: hold_end, expiry, carry_over or allowance. amount: what the hold reserves and gives back, or the change of the balance.
balance, held: afterwards. seq: the entry that granted the credits that expire (null if it is not recorded yet), or the entry
that will be recorded. app, nonce: of the hold, or of the allowance. seen_until, most, expires_at, free, operation,
occurrence: see ledger_core.allowance_schedule.';
