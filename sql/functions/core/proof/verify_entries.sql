CREATE OR REPLACE FUNCTION ledger_core.verify_entries(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_latest timestamptz := ledger_core.clock() + ledger_core.clock_tolerance();
BEGIN
    RETURN QUERY
    WITH chained AS (
        SELECT
            entries.*,
            coalesce(lag(entries.seq) OVER account, 0) AS previous_seq,
            coalesce(lag(entries.balance_after) OVER account, 0) AS previous_balance,
            coalesce(lag(entries.recorded_at) OVER account, '-infinity') AS previous_time,
            coalesce(lag(entries.hash) OVER account, ledger_core.zero_hash()) AS previous_hash,
            ledger_core.hashed_entry(
                entries, ledger_core.hashed_options(entries), entries.seq, entries.balance_after, entries.recorded_at
            ) AS hashed
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
        WINDOW account AS (PARTITION BY entries.owner_id, entries.asset ORDER BY entries.seq)
    ),

    computed AS (
        SELECT
            chained.*,
            ledger_core.chain_hash(chained.previous_hash, chained.hashed) AS expected_hash,
            -- Where the clock was set back, the account says so.
            CASE WHEN chained.seq > accounts.in_order_from THEN chained.previous_time ELSE '-infinity' END AS not_before
        FROM chained
        LEFT JOIN ledger.accounts
            ON chained.owner_id = accounts.owner_id AND chained.asset = accounts.asset
            AND ledger_core.owner_in_range(accounts.owner_id, first, last, included)
    )

    SELECT
        checks.problem, 'entries', computed.owner_id::text, computed.asset::text, computed.seq,
        jsonb_build_object('nonce', computed.nonce, 'expected', checks.expected, 'found', checks.found)
    FROM computed
    CROSS JOIN LATERAL (
        VALUES
        ('seq not in order', (computed.previous_seq + 1)::text, computed.seq::text),
        ('balance_after wrong', (computed.previous_balance::numeric + computed.amount)::text, computed.balance_after::text),
        (
            'recorded_at runs backwards', greatest(computed.not_before, computed.recorded_at)::text,
            computed.recorded_at::text
        ),
        ('of the future', least(v_latest, computed.recorded_at)::text, computed.recorded_at::text),
        ('hash wrong', encode(computed.expected_hash, 'hex'), encode(computed.hash, 'hex'))
    ) AS checks (problem, expected, found)
    -- Compare before converting to text, which would take longer than everything else.
    WHERE (
        computed.seq <> computed.previous_seq + 1
        OR computed.balance_after <> computed.previous_balance::numeric + computed.amount
        OR computed.recorded_at < computed.not_before
        OR computed.recorded_at > v_latest
        OR computed.hash <> computed.expected_hash
    )
    AND checks.expected <> checks.found;

    -- A balance below zero is right only down to the lowest floor that the account ever had, and after a capture that left a
    -- debt. Whatever brings it further down was reserved then.
    RETURN QUERY
    SELECT
        'overspent', 'entries', entries.owner_id::text, entries.asset::text, entries.seq,
        jsonb_build_object(
            'nonce', entries.nonce, 'expected', 'at least ' || coalesce(floors.lowest, 0), 'found', entries.balance_after
        )
    FROM ledger.entries
    LEFT JOIN (
        SELECT
            operator_actions.owner_id, operator_actions.asset,
            min(CASE jsonb_typeof(operator_actions.after -> 'min_balance')
                WHEN 'number' THEN least(0, (operator_actions.after -> 'min_balance')::numeric)
            END) AS lowest
        FROM ledger.operator_actions
        WHERE ledger_core.owner_in_range(operator_actions.owner_id, first, last, included)
            AND operator_actions.action = 'set_min_balance'
        GROUP BY operator_actions.owner_id, operator_actions.asset
    ) AS floors ON entries.owner_id = floors.owner_id AND entries.asset = floors.asset
    WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
        AND entries.balance_after < 0 AND entries.balance_after < coalesce(floors.lowest, 0)
        AND CASE
            WHEN entries.overdrawn THEN entries.balance_after < coalesce(floors.lowest, 0) - (
                SELECT coalesce(max((changes.rule ->> 'max_debt')::numeric), 0)
                FROM ledger.operation_changes AS changes
                WHERE changes.operation = entries.operation AND changes.app IS NULL
            )
            WHEN coalesce((
                SELECT TRUE FROM ledger.entries AS debts
                WHERE debts.owner_id = entries.owner_id AND debts.asset = entries.asset
                    AND debts.seq < entries.seq AND debts.overdrawn
                LIMIT 1
            ), FALSE)
                THEN entries.amount < 0 AND entries.hold_nonce IS NULL AND entries.operation NOT IN ('EXPIRY', 'FORFEITURE')
            ELSE TRUE
        END;

    -- What quantity and price come to, and what goes together
    RETURN QUERY
    SELECT
        checks.problem, 'entries', entries.owner_id::text, entries.asset::text, entries.seq,
        jsonb_build_object('nonce', entries.nonce, 'expected', checks.expected, 'found', checks.found)
    FROM ledger.entries
    CROSS JOIN LATERAL (
        VALUES
        (
            'amount not by its price',
            ledger_core.amount_of_quantity(
                entries.quantity, entries.unit_amount, entries.unit_size, entries.rounding
            )::text,
            entries.amount::text
        ),
        (
            'quantity without price', 'both or none',
            CASE
                WHEN num_nulls(entries.quantity, entries.unit_amount, entries.unit_size, entries.rounding) NOT IN (0, 4)
                    THEN 'one without the other'
            END
        ),
        (
            'price never in force', 'a price of the operation',
            CASE
                WHEN entries.unit_amount IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM ledger.operation_changes AS changes
                    WHERE changes.operation = entries.operation
                        AND (changes.app IS NULL OR changes.app = entries.app)
                        AND (changes.rule ->> 'unit_amount')::numeric = entries.unit_amount
                        AND (changes.rule ->> 'unit_size')::numeric = entries.unit_size
                        AND changes.rule ->> 'rounding' = entries.rounding
                ) THEN format('%s for %s, %s', entries.unit_amount, entries.unit_size, entries.rounding)
            END
        ),
        (
            'overdrawn without capture', 'a capture',
            CASE WHEN entries.overdrawn IS NOT NULL AND entries.hold_nonce IS NULL THEN entries.operation END
        )
    ) AS checks (problem, expected, found)
    WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
        AND num_nonnulls(
            entries.quantity, entries.unit_amount, entries.unit_size, entries.rounding, entries.overdrawn
        ) > 0
        AND checks.expected <> checks.found;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_entries IS
'Entries whose number, balance, time or hash does not follow from the entry before, that lie in the future, or whose balance
is below every floor that the account ever had, or whose amount does not follow from quantity and price.';
