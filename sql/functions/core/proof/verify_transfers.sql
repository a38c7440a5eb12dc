-- requires: functions/core/transfers/parts_of_transfer, functions/core/lots/makes_lot
CREATE OR REPLACE FUNCTION ledger_core.verify_transfers(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    -- Both sides are looked up by key, whoever of them is in the range.
    RETURN QUERY
    SELECT
        checks.problem, 'entries', sides.owner_id::text, sides.asset::text, sides.seq,
        jsonb_build_object(
            'nonce', sides.nonce, 'peer_owner_id', sides.peer_owner_id, 'peer_seq', sides.peer_seq,
            'expected', checks.expected, 'found', checks.found
        )
    FROM (
        SELECT
            entries.*,
            -- The sender's: a debit, or the reversal that returns it
            CASE WHEN entries.reverses_seq IS NULL THEN entries.amount <= 0 ELSE entries.amount > 0 END AS leads
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
            AND num_nonnulls(entries.peer_owner_id, entries.peer_seq) > 0
    ) AS sides
    LEFT JOIN LATERAL (
        SELECT
            sum(received.amount) AS amount,
            min(received.seq) AS first_seq,
            bool_and(
                (received.app, received.recorded_at, received.xact_id, received.metadata)
                IS NOT DISTINCT FROM (sides.app, sides.recorded_at, sides.xact_id, sides.metadata)
                AND received.operation = sides.operation
                AND num_nonnulls(
                    received.spender, received.claim_subject, received.claim_slot, received.subject_slot,
                    received.hold_nonce, received.quantity
                ) = 0
                AND received.frees_claim IS NOT TRUE
                AND sign(received.amount) = -sign(sides.amount)
                AND received.nonce = ledger_core.nonce_of_part(sides.nonce, received.seq - sides.peer_seq + 1)
                -- Of a reversal, a part of the transfer that the sender's entry reverses
                AND (received.reverses_seq IS NULL) = (sides.reverses_seq IS NULL)
                AND (
                    received.reverses_seq IS NULL
                    OR (
                        SELECT originals.peer_owner_id = sides.owner_id AND originals.peer_seq = sides.reverses_seq
                        FROM ledger.entries AS originals
                        WHERE originals.owner_id = received.owner_id AND originals.asset = received.asset
                            AND originals.seq = received.reverses_seq
                    ) IS TRUE
                )
            ) AS fit,
            array_agg(
                ROW(
                    received.amount, received.expires_at, received.credit_class, received.priority,
                    received.usable_for, received.usable_in
                )::text
                ORDER BY received.amount, received.expires_at, received.credit_class, received.priority,
                    received.usable_for, received.usable_in
            ) FILTER (WHERE ledger_core.makes_lot(received)) AS kinds
        FROM ledger_core.parts_of_transfer(sides.owner_id, sides.asset, sides.seq) AS parts
        INNER JOIN ledger.entries AS received
            ON parts.receiver_id = received.owner_id AND sides.asset = received.asset AND parts.part_seq = received.seq
        WHERE received.owner_id = sides.peer_owner_id
    ) AS parts ON sides.leads
    LEFT JOIN LATERAL (
        SELECT
            array_agg(
                ROW(
                    taken.amount, taken.expires_at, taken.credit_class, taken.priority, taken.usable_for,
                    taken.usable_in
                )::text
                ORDER BY taken.amount, taken.expires_at, taken.credit_class, taken.priority, taken.usable_for,
                    taken.usable_in
            ) AS kinds
        FROM (
            SELECT
                lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in,
                sum(moved.amount) AS amount
            FROM ledger.lot_movements AS moved
            INNER JOIN ledger.lots
                ON moved.owner_id = lots.owner_id AND moved.asset = lots.asset AND moved.lot_seq = lots.seq
            WHERE moved.owner_id = sides.owner_id AND moved.asset = sides.asset AND moved.seq = sides.seq
                AND lots.owner_id = sides.owner_id
            GROUP BY lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in
        ) AS taken
    ) AS sources ON sides.leads AND sides.reverses_seq IS NULL
    LEFT JOIN ledger.entries AS senders
        ON NOT sides.leads AND sides.peer_owner_id = senders.owner_id AND sides.asset = senders.asset
        AND sides.peer_seq = senders.seq
    -- What a reversal has returned to lots of a kind is at most what was taken back of it.
    LEFT JOIN LATERAL (
        SELECT bool_or(returned.amount > coalesce(back.amount, 0)) AS is_more
        FROM (
            SELECT
                lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in,
                -sum(moved.amount) AS amount
            FROM ledger.lot_movements AS moved
            INNER JOIN ledger.lots
                ON moved.owner_id = lots.owner_id AND moved.asset = lots.asset AND moved.lot_seq = lots.seq
            WHERE moved.owner_id = sides.owner_id AND moved.asset = sides.asset AND moved.seq = sides.seq
                AND lots.owner_id = sides.owner_id
            GROUP BY lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in
        ) AS returned
        LEFT JOIN LATERAL (
            SELECT -sum(taken.amount) AS amount
            FROM ledger_core.parts_of_transfer(sides.owner_id, sides.asset, sides.seq) AS parts_back
            INNER JOIN ledger.entries AS taken
                ON parts_back.receiver_id = taken.owner_id AND sides.asset = taken.asset
                AND parts_back.part_seq = taken.seq
            INNER JOIN ledger.entries AS brought
                ON taken.owner_id = brought.owner_id AND taken.asset = brought.asset
                AND taken.reverses_seq = brought.seq
            WHERE brought.owner_id = sides.peer_owner_id
                AND (brought.expires_at, brought.credit_class, brought.priority, brought.usable_for, brought.usable_in)
                IS NOT DISTINCT FROM (
                    returned.expires_at, returned.credit_class, returned.priority, returned.usable_for, returned.usable_in
                )
        ) AS back ON TRUE
    ) AS backs ON sides.leads AND sides.reverses_seq IS NOT NULL
    CROSS JOIN LATERAL (
        VALUES
        (
            'half of a transfer', 'both peer_owner_id and peer_seq, of another owner',
            CASE
                WHEN num_nulls(sides.peer_owner_id, sides.peer_seq) > 0 THEN 'one without the other'
                WHEN sides.peer_owner_id = sides.owner_id THEN 'the same owner'
            END
        ),
        (
            'transfer of nothing', 'an amount',
            CASE WHEN sides.amount = 0 AND sides.operation <> 'ACCOUNT_MOVE' THEN '0' END
        ),
        (
            'sides of a transfer do not come to zero', (-sides.amount)::text,
            CASE WHEN sides.leads THEN coalesce(parts.amount, 0)::text END
        ),
        (
            'sides of a transfer differ', 'an entry of the other side, of the same request',
            CASE
                WHEN sides.leads AND parts.amount IS NOT NULL
                    AND (parts.fit AND parts.first_seq = sides.peer_seq) IS NOT TRUE THEN 'another one'
                WHEN NOT sides.leads AND senders.seq IS NULL THEN 'none'
                WHEN NOT sides.leads AND (
                    senders.peer_owner_id = sides.owner_id
                    -- The first part, or the part after another one
                    AND (
                        sides.seq = senders.peer_seq
                        OR (
                            SELECT (previous.peer_owner_id, previous.peer_seq) = (sides.peer_owner_id, sides.peer_seq)
                            FROM ledger.entries AS previous
                            WHERE previous.owner_id = sides.owner_id AND previous.asset = sides.asset
                                AND previous.seq = sides.seq - 1
                        )
                    )
                    AND CASE WHEN senders.reverses_seq IS NULL THEN senders.amount < 0 ELSE senders.amount > 0 END
                ) IS NOT TRUE THEN 'another one'
            END
        ),
        (
            'transfer of other credits', coalesce(sources.kinds::text, 'in no lot'),
            CASE WHEN sides.leads AND sides.reverses_seq IS NULL THEN coalesce(parts.kinds::text, 'in no lot') END
        ),
        (
            'reversal of other credits', 'what was taken back',
            CASE WHEN backs.is_more THEN 'more of a kind' END
        ),
        (
            'operation never transferable', 'an operation that transfers',
            CASE
                WHEN sides.reverses_seq IS NULL AND sides.app <> 'ledger' AND NOT EXISTS (
                    SELECT 1 FROM ledger.operation_changes AS changes
                    WHERE changes.operation = sides.operation AND changes.rule -> 'transferable' = 'true'
                ) THEN sides.operation
            END
        )
    ) AS checks (problem, expected, found)
    WHERE checks.expected <> checks.found;

    RETURN QUERY
    SELECT
        'reversal of one side of a transfer', 'entries', reversals.owner_id::text, reversals.asset::text, reversals.seq,
        jsonb_build_object('nonce', reversals.nonce, 'reverses_seq', reversals.reverses_seq)
    FROM ledger.entries AS reversals
    INNER JOIN ledger.entries AS originals
        ON reversals.owner_id = originals.owner_id AND reversals.asset = originals.asset
        AND reversals.reverses_seq = originals.seq
        AND ledger_core.owner_in_range(originals.owner_id, first, last, included)
    WHERE ledger_core.owner_in_range(reversals.owner_id, first, last, included)
        AND reversals.reverses_seq IS NOT NULL
        AND reversals.peer_owner_id IS DISTINCT FROM originals.peer_owner_id;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_transfers IS
'Transfers, and their reversals, whose sides do not come to zero, do not know each other, or are not of the same credits.';
