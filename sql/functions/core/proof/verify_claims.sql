CREATE OR REPLACE FUNCTION ledger_core.verify_claims(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
BEGIN
    RETURN QUERY
    SELECT
        'claim without its entry', 'claims', claims.owner_id::text, claims.asset::text, claims.seq,
        jsonb_build_object(
            'operation', claims.operation, 'subject_kind', claims.subject_kind, 'subject', claims.subject,
            'slot', claims.slot
        )
    FROM ledger.claims
    LEFT JOIN ledger.entries
        ON claims.owner_id = entries.owner_id AND claims.asset = entries.asset AND claims.seq = entries.seq
        AND claims.operation = entries.operation
        AND CASE
            -- The owner to whom the account was moved, or the next one, has a slot for it as well.
            WHEN claims.subject_kind = 'owner' AND claims.subject <> entries.owner_id
                THEN claims.subject IN (SELECT later.later_owner_id FROM ledger_core.moved_to(entries.owner_id, entries.asset) AS later)
            ELSE
                claims.subject = CASE claims.subject_kind
                    WHEN 'owner' THEN entries.owner_id
                    WHEN 'claim_subject' THEN entries.claim_subject
                END
                AND claims.slot = coalesce(
                    CASE claims.subject_kind WHEN 'owner' THEN entries.claim_slot ELSE entries.subject_slot END, claims.slot
                )
        END
        AND ledger_core.owner_in_range(entries.owner_id, first, last, included)
    WHERE ledger_core.owner_in_range(claims.owner_id, first, last, included) AND entries.seq IS NULL
        AND claims.seq <> 0;

    -- A change of the rule and the entries around it are not ordered exactly, so any rule that the operation ever had
    -- is accepted.
    RETURN QUERY
    SELECT
        'claim fits no rule', 'claims', claims.owner_id::text, claims.asset::text, claims.seq,
        jsonb_build_object(
            'operation', claims.operation, 'subject_kind', claims.subject_kind, 'subject', claims.subject,
            'scope_app', claims.scope_app, 'period_start', claims.period_start, 'slot', claims.slot
        )
    FROM ledger.claims
    INNER JOIN ledger.entries
        ON claims.owner_id = entries.owner_id AND claims.asset = entries.asset AND claims.seq = entries.seq
        AND ledger_core.owner_in_range(entries.owner_id, first, last, included)
    LEFT JOIN LATERAL (
        SELECT 1 AS found
        FROM (
            SELECT DISTINCT
                changes.operation,
                (changes.rule ->> 'claim_limit')::integer AS claim_limit,
                changes.rule ->> 'claim_period' AS period,
                changes.rule ->> 'claim_scope' AS scope,
                changes.rule ->> 'claim_time_zone' AS zone
            FROM ledger.operation_changes AS changes
            WHERE changes.app IS NULL AND changes.rule ->> 'claim_limit' IS NOT NULL
        ) AS rules
        WHERE rules.operation = claims.operation
            AND (
                claims.slot BETWEEN 1 AND rules.claim_limit
                OR (claims.subject_kind = 'owner' AND claims.subject <> claims.owner_id)
            )
            AND claims.scope_app = CASE rules.scope WHEN 'owner' THEN '' ELSE entries.app END
            AND claims.period_start = CASE rules.period
                WHEN 'ever' THEN '-infinity'::timestamp
                ELSE date_trunc(rules.period, entries.recorded_at AT TIME ZONE rules.zone)
            END
        LIMIT 1
    ) AS fitting ON TRUE
    WHERE ledger_core.owner_in_range(claims.owner_id, first, last, included) AND fitting.found IS NULL;

    -- A reversal with frees_claim gave the slots back.
    RETURN QUERY
    SELECT
        'claim missing', 'claims', limited.owner_id::text, limited.asset::text, limited.seq,
        jsonb_build_object(
            'operation', limited.operation, 'nonce', limited.nonce, 'expected', limited.expected, 'found', limited.found
        )
    FROM (
        SELECT
            entries.owner_id, entries.asset, entries.seq, entries.operation, entries.nonce,
            CASE
                WHEN entries.claim_subject IS NOT NULL AND ledger_core.keeps_owner(entries.claim_subject) THEN 2
                ELSE 1
            END AS expected,
            coalesce(taken.slots, 0) AS found
        FROM ledger.entries
        INNER JOIN (
            -- An entry that waited for a lock follows the rule as it was when its request began. A new limit therefore
            -- counts from a day after the change only. A rule whose successor is of the future ended nobody knows when.
            SELECT
                changes.operation,
                changes.changed_at + interval '1 day' AS since,
                CASE
                    WHEN lead(changes.changed_at) OVER operation > v_now THEN '-infinity'
                    ELSE lead(changes.changed_at, 1, 'infinity') OVER operation
                END AS until,
                changes.rule ->> 'claim_limit' IS NOT NULL AS is_limit,
                lag(changes.rule ->> 'claim_limit', 1, changes.rule ->> 'claim_limit') OVER operation
                IS NOT NULL AS was_limit,
                changes.changed_at
            FROM ledger.operation_changes AS changes
            WHERE changes.app IS NULL
            WINDOW operation AS (PARTITION BY changes.operation ORDER BY changes.change_id)
        ) AS rules
            ON entries.operation = rules.operation AND entries.recorded_at < rules.until AND rules.is_limit
            AND entries.recorded_at >= CASE WHEN rules.was_limit THEN rules.changed_at ELSE rules.since END
        LEFT JOIN (
            SELECT claims.owner_id, claims.asset, claims.seq, count(*) AS slots
            FROM ledger.claims
            WHERE ledger_core.owner_in_range(claims.owner_id, first, last, included)
                AND (claims.subject_kind = 'claim_subject' OR claims.subject = claims.owner_id)
            GROUP BY claims.owner_id, claims.asset, claims.seq
        ) AS taken
            ON entries.owner_id = taken.owner_id AND entries.asset = taken.asset AND entries.seq = taken.seq
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included) AND entries.recorded_at <= v_now
            -- What a transfer brings; the sender claims.
            AND NOT (entries.peer_seq IS NOT NULL AND entries.amount > 0)
    ) AS limited
    WHERE limited.found <> limited.expected
        AND NOT (
            limited.found = 0
            -- Looked up by key; EXISTS may be hashed, which reads all entries.
            AND coalesce((
                SELECT TRUE FROM ledger.entries AS reversals
                WHERE reversals.owner_id = limited.owner_id AND reversals.asset = limited.asset
                    AND reversals.reverses_seq = limited.seq AND reversals.frees_claim
                LIMIT 1
            ), FALSE)
        );

    RETURN QUERY
    SELECT
        'claim not moved once', 'claims', claims.owner_id::text, claims.asset::text, claims.seq,
        jsonb_build_object('operation', claims.operation, 'moved_to', later.later_owner_id)
    FROM ledger.accounts
    CROSS JOIN LATERAL ledger_core.moved_to(accounts.owner_id, accounts.asset) AS later
    INNER JOIN ledger.claims
        ON accounts.owner_id = claims.owner_id AND accounts.asset = claims.asset AND claims.owner_id = claims.subject
        AND claims.subject_kind = 'owner'
    WHERE ledger_core.owner_in_range(accounts.owner_id, first, last, included) AND accounts.moved_to IS NOT NULL
        AND 1 <> (
            SELECT count(*) FROM ledger.claims AS copies
            WHERE copies.owner_id = claims.owner_id AND copies.asset = claims.asset AND copies.seq = claims.seq
                AND copies.subject_kind = 'owner' AND copies.subject = later.later_owner_id
                AND copies.operation = claims.operation AND copies.scope_app = claims.scope_app
                AND copies.period_start = claims.period_start
        );
END
$$;

COMMENT ON FUNCTION ledger_core.verify_claims IS
'Claims without their entry or that fit no rule of the operation, and entries that lack a claim. Claims with seq 0 are those
of ledger_core.verify_reservations.';
