-- requires: functions/core/reservations/hashed_reservation
CREATE OR REPLACE FUNCTION ledger_core.verify_reservations(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        'reservation changed', 'claim_reservations', reserved.owner_id::text, reserved.asset::text, NULL::bigint,
        jsonb_build_object('app', reserved.app, 'nonce', reserved.nonce)
    FROM ledger.claim_reservations AS reserved
    WHERE ledger_core.owner_in_range(reserved.owner_id, first, last, included)
        AND reserved.hash IS DISTINCT FROM ledger_core.hashed_reservation(reserved);

    RETURN QUERY
    SELECT
        'reservation without its claim', 'claim_reservations', reserved.owner_id::text, reserved.asset::text, NULL::bigint,
        jsonb_build_object(
            'app', reserved.app, 'nonce', reserved.nonce, 'operation', reserved.operation,
            'claim_subject', reserved.claim_subject, 'slot', reserved.slot
        )
    FROM ledger.claim_reservations AS reserved
    LEFT JOIN ledger.claims
        ON reserved.owner_id = claims.owner_id AND reserved.asset = claims.asset AND claims.seq = 0
        AND reserved.operation = claims.operation AND claims.subject_kind = 'claim_subject'
        AND reserved.claim_subject = claims.subject AND reserved.scope_app = claims.scope_app
        AND reserved.period_start = claims.period_start AND reserved.slot = claims.slot
        AND ledger_core.owner_in_range(claims.owner_id, first, last, included)
    WHERE ledger_core.owner_in_range(reserved.owner_id, first, last, included) AND claims.operation IS NULL;

    RETURN QUERY
    SELECT
        'claim without its reservation', 'claims', claims.owner_id::text, claims.asset::text, claims.seq,
        jsonb_build_object(
            'operation', claims.operation, 'subject_kind', claims.subject_kind, 'subject', claims.subject,
            'slot', claims.slot
        )
    FROM ledger.claims
    LEFT JOIN ledger.claim_reservations AS reserved
        ON claims.owner_id = reserved.owner_id AND claims.asset = reserved.asset
        AND claims.operation = reserved.operation AND claims.subject_kind = 'claim_subject'
        AND claims.subject = reserved.claim_subject AND claims.scope_app = reserved.scope_app
        AND claims.period_start = reserved.period_start AND claims.slot = reserved.slot
        AND ledger_core.owner_in_range(reserved.owner_id, first, last, included)
    WHERE ledger_core.owner_in_range(claims.owner_id, first, last, included) AND claims.seq = 0
        AND reserved.owner_id IS NULL;

    -- A change of the rule and the reservations around it are not ordered exactly, so any rule that the operation ever had
    -- is accepted.
    RETURN QUERY
    SELECT
        'reservation fits no rule', 'claim_reservations', reserved.owner_id::text, reserved.asset::text, NULL::bigint,
        jsonb_build_object(
            'app', reserved.app, 'nonce', reserved.nonce, 'operation', reserved.operation,
            'claim_subject', reserved.claim_subject, 'period_start', reserved.period_start, 'slot', reserved.slot
        )
    FROM ledger.claim_reservations AS reserved
    WHERE ledger_core.owner_in_range(reserved.owner_id, first, last, included)
        AND NOT EXISTS (
            SELECT 1
            FROM ledger.operation_changes AS changes
            WHERE changes.app IS NULL AND changes.operation = reserved.operation
                AND reserved.slot <= (changes.rule ->> 'claim_limit')::integer
                AND reserved.scope_app = ledger_core.claim_scope_app(changes.rule ->> 'claim_scope', reserved.app)
                AND reserved.period_start = ledger_core.claim_period_start(
                    changes.rule ->> 'claim_period', changes.rule ->> 'claim_time_zone', reserved.reserved_at
                )
        );
END
$$;

COMMENT ON FUNCTION ledger_core.verify_reservations IS
'Reservations of claim subjects that were changed, that have no claim or are lacked by one, or that fit no rule of the
operation. Whether an entry belongs to one is what only all partitions together know (`ledger cluster verify`).';
