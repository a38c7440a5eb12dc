-- requires: functions/core/allowances/boundary, functions/core/allowances/is_granted, functions/core/allowances/is_in_order
-- requires: functions/core/allowances/occurrence_at, functions/core/journals/noted_allowance
CREATE OR REPLACE FUNCTION ledger_core.verify_allowances(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    -- A boundary is computed when it is promised: the rules of a time zone may have changed since.
    v_tolerance constant interval := interval '12 hours';
BEGIN
    -- Preparing what follows takes longer than all other checks of an owner, and most owners have no allowance.
    IF NOT EXISTS (
            SELECT 1 FROM ledger.allowances WHERE ledger_core.owner_in_range(allowances.owner_id, first, last, included)
        )
        AND NOT EXISTS (
            SELECT 1 FROM ledger.allowance_events AS events
            WHERE ledger_core.owner_in_range(events.owner_id, first, last, included)
        )
        AND NOT EXISTS (
            SELECT 1 FROM ledger.allowance_entries AS made
            WHERE ledger_core.owner_in_range(made.owner_id, first, last, included)
        )
    THEN
        RETURN;
    END IF;

    -- What they are is what was asked for, and how far they have come follows from what has come.
    RETURN QUERY
    SELECT
        checks.problem, 'allowances', coalesce(kept.owner_id, noted.owner_id)::text,
        coalesce(kept.asset, noted.asset)::text, NULL::bigint,
        jsonb_build_object(
            'app', coalesce(kept.app, noted.app), 'nonce', coalesce(kept.nonce, noted.allowance_nonce),
            'expected', checks.expected, 'found', checks.found
        )
    FROM (SELECT * FROM ledger.allowances WHERE ledger_core.owner_in_range(allowances.owner_id, first, last, included)) AS kept
    FULL JOIN (
        SELECT DISTINCT ON (events.owner_id, events.asset, events.app, events.allowance_nonce) events.*
        FROM ledger.allowance_events AS events
        WHERE ledger_core.owner_in_range(events.owner_id, first, last, included)
        ORDER BY events.owner_id, events.asset, events.app, events.allowance_nonce, events.event_seq DESC
    ) AS noted
        ON kept.owner_id = noted.owner_id AND kept.asset = noted.asset AND kept.app = noted.app
        AND kept.nonce = noted.allowance_nonce
    LEFT JOIN ledger.accounts ON kept.owner_id = accounts.owner_id AND kept.asset = accounts.asset
    LEFT JOIN LATERAL (
        SELECT made.occurrence, entries.expires_at
        FROM ledger.allowance_entries AS made
        INNER JOIN ledger.entries
            ON made.owner_id = entries.owner_id AND made.asset = entries.asset AND made.seq = entries.seq
        WHERE made.owner_id = kept.owner_id AND made.app = kept.app AND made.allowance_nonce = kept.nonce
            AND made.kind = 'granted'
        ORDER BY made.occurrence DESC
        LIMIT 1
    ) AS newest ON TRUE
    CROSS JOIN LATERAL (
        VALUES
        ('allowance not as asked for', noted.allowance::text, ledger_core.noted_allowance(kept)::text),
        (
            'next_occurrence wrong',
            CASE
                -- Where the clock was set back, the account says so.
                WHEN NOT ledger_core.is_in_order(accounts.in_order_from, accounts.last_entry_at) THEN kept.next_occurrence
                -- Or the last request, which was made before the entry that it follows.
                WHEN noted.happened_at < (
                    SELECT followed.recorded_at FROM ledger.entries AS followed
                    WHERE followed.owner_id = noted.owner_id AND followed.asset = noted.asset
                        AND followed.seq = noted.after_seq
                ) THEN kept.next_occurrence
                WHEN kept.nonce IS NOT NULL THEN coalesce(newest.occurrence + 1, 0)
            END::text,
            kept.next_occurrence::text
        ),
        (
            'next_at wrong',
            CASE
                -- Only what is as it was asked for can be counted with.
                WHEN ledger_core.noted_allowance(kept) <> noted.allowance THEN kept.next_at::text
                WHEN accounts.frozen_at IS NOT NULL THEN 'infinity'
                WHEN NOT ledger_core.is_in_order(accounts.in_order_from, accounts.last_entry_at) THEN kept.next_at::text
                WHEN kept.next_at < 'infinity' THEN coalesce(
                    newest.expires_at,
                    CASE
                        WHEN newest.occurrence IS NULL THEN kept.starts_at
                        ELSE ledger_core.boundary(kept, kept.next_occurrence)
                    END
                )::text
                WHEN NOT ledger_core.is_granted(
                    kept, greatest(kept.next_occurrence, ledger_core.occurrence_at(
                        -- A clock that was ahead may have ended it.
                        kept, greatest(ledger_core.clock(), accounts.last_entry_at, noted.happened_at)
                    ) + 1)
                ) THEN 'infinity'
                ELSE 'a time'
            END,
            kept.next_at::text
        )
    ) AS checks (problem, expected, found)
    WHERE checks.expected IS DISTINCT FROM checks.found;

    -- The journal: granted first, and what is changed is the amount or the end.
    RETURN QUERY
    SELECT
        'event does not follow from the one before', 'allowance_events', linked.owner_id::text, linked.asset::text, linked.seq,
        jsonb_build_object('event_seq', linked.event_seq, 'event', linked.event, 'nonce', linked.nonce)
    FROM (
        SELECT
            events.*,
            lag(events.allowance) OVER of_allowance AS before,
            entries.amount AS entry_amount,
            entries.nonce AS entry_nonce,
            entries.operation AS entry_operation
        FROM ledger.allowance_events AS events
        LEFT JOIN ledger.entries
            ON events.owner_id = entries.owner_id AND events.asset = entries.asset AND events.seq = entries.seq
            AND ledger_core.owner_in_range(entries.owner_id, first, last, included)
        WHERE ledger_core.owner_in_range(events.owner_id, first, last, included)
        WINDOW of_allowance AS (
            PARTITION BY events.owner_id, events.asset, events.app, events.allowance_nonce ORDER BY events.event_seq
        )
    ) AS linked
    LEFT JOIN ledger_core.nonces AS taken ON linked.app = taken.app AND linked.nonce = taken.nonce
    WHERE CASE linked.event
        WHEN 'granted' THEN linked.before IS NULL AND linked.nonce = linked.allowance_nonce AND linked.seq IS NULL
        WHEN 'changed' THEN linked.allowance = linked.before || jsonb_build_object('amount', linked.request -> 'amount')
            AND (
                linked.seq IS NULL
                OR (
                    linked.entry_nonce = linked.nonce
                    AND EXISTS (
                        SELECT 1 FROM ledger.allowance_entries AS made
                        WHERE made.owner_id = linked.owner_id AND made.asset = linked.asset AND made.seq = linked.seq
                            AND made.kind = 'raised'
                    )
                    AND linked.entry_amount
                    = (linked.allowance ->> 'amount')::numeric - (linked.before ->> 'amount')::numeric
                )
            )
        WHEN 'ended' THEN linked.allowance = linked.before || jsonb_build_object('ends_at', linked.allowance -> 'ends_at') AND linked.nonce IS NULL
            AND (linked.seq IS NULL OR linked.entry_operation = 'FORFEITURE')
    END IS NOT TRUE
        OR (linked.nonce IS NOT NULL AND taken.nonce IS NULL)
        OR EXISTS (
            SELECT 1 FROM ledger.entries
            WHERE entries.app = linked.app AND entries.nonce = linked.nonce
                AND entries.seq IS DISTINCT FROM linked.seq
        )
        OR EXISTS (SELECT 1 FROM ledger.holds WHERE holds.app = linked.app AND holds.nonce = linked.nonce);

    -- What has come
    RETURN QUERY
    WITH made AS (
        SELECT
            coalesce(made.owner_id, entries.owner_id) AS owner_id,
            coalesce(made.asset, entries.asset) AS asset,
            coalesce(made.seq, entries.seq) AS seq,
            made.app, made.allowance_nonce, made.occurrence, made.kind,
            entries.app AS entry_app, entries.nonce AS entry_nonce, entries.operation AS entry_operation, entries.amount,
            entries.balance_after, entries.recorded_at, entries.expires_at, entries.metadata,
            ROW(entries.credit_class, entries.priority, entries.usable_for, entries.usable_in)::text AS entry_use
        FROM (
            SELECT * FROM ledger.allowance_entries
            WHERE ledger_core.owner_in_range(allowance_entries.owner_id, first, last, included)
        ) AS made
        FULL JOIN (
            SELECT entries.*
            FROM ledger.entries
            WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
                AND (entries.owner_id, entries.asset) IN (
                    SELECT allowances.owner_id, allowances.asset FROM ledger.allowances
                    WHERE ledger_core.owner_in_range(allowances.owner_id, first, last, included)
                    UNION ALL
                    SELECT others.owner_id, others.asset FROM ledger.allowance_entries AS others
                    WHERE ledger_core.owner_in_range(others.owner_id, first, last, included)
                )
                AND (
                    entries.operation = 'CARRY_OVER' OR starts_with(entries.nonce, 'ledger:allowance:')
                    OR (entries.owner_id, entries.asset, entries.seq) IN (
                        SELECT others.owner_id, others.asset, others.seq FROM ledger.allowance_entries AS others
                        WHERE ledger_core.owner_in_range(others.owner_id, first, last, included)
                    )
                )
        ) AS entries
            ON made.owner_id = entries.owner_id AND made.asset = entries.asset AND made.seq = entries.seq
    ),

    explained AS (
        SELECT
            made.*,
            allowances.operation, allowances.period, allowances.carry_over_most, allowances.carry_over_for,
            allowances.metadata AS kept_metadata,
            ROW(
                allowances.credit_class, allowances.priority, allowances.usable_for, allowances.usable_in
            )::text AS kept_use,
            ledger_core.boundary(allowances, made.occurrence) AS begins_at,
            CASE
                WHEN allowances.period IS NULL AND made.kind = 'granted' THEN ledger_core.add_interval_in_zone(
                    made.recorded_at, allowances.expires_after, allowances.time_zone
                )
                WHEN made.kind = 'carried_over'
                    THEN ledger_core.boundary(allowances, made.occurrence + 1 + allowances.carry_over_for)
                ELSE ledger_core.boundary(allowances, made.occurrence + 1)
            END AS ends_at,
            ledger_core.is_in_order(accounts.in_order_from, accounts.last_entry_at) AS is_in_order,
            asked.amount AS asked_amount,
            asked.raised AS raised,
            expired.amount AS expired_amount,
            previous.seq AS previous_seq,
            previous.occurrence AS previous_occurrence,
            previous.expires_at AS previous_expires_at
        FROM made
        LEFT JOIN ledger.accounts ON made.owner_id = accounts.owner_id AND made.asset = accounts.asset
        LEFT JOIN ledger.allowances
            ON made.owner_id = allowances.owner_id AND made.asset = allowances.asset AND made.app = allowances.app
            AND made.allowance_nonce = allowances.nonce
            AND ledger_core.noted_allowance(allowances) = (
                SELECT events.allowance FROM ledger.allowance_events AS events
                WHERE events.owner_id = allowances.owner_id AND events.asset = allowances.asset
                    AND events.app = allowances.app AND events.allowance_nonce = allowances.nonce
                ORDER BY events.event_seq DESC
                LIMIT 1
            )
        LEFT JOIN LATERAL (
            SELECT (events.allowance ->> 'amount')::numeric AS amount, events.seq = made.seq AS raised
            FROM ledger.allowance_events AS events
            WHERE events.owner_id = made.owner_id AND events.asset = made.asset AND events.app = made.app
                AND events.allowance_nonce = made.allowance_nonce
                AND (events.after_seq < made.seq OR events.seq = made.seq)
            ORDER BY events.event_seq DESC
            LIMIT 1
        ) AS asked ON TRUE
        LEFT JOIN LATERAL (
            SELECT sum(moved.amount) AS amount
            FROM ledger.allowance_entries AS granted
            INNER JOIN ledger.lot_movements AS moved
                ON granted.owner_id = moved.owner_id AND granted.asset = moved.asset AND granted.seq = moved.lot_seq
            INNER JOIN ledger.entries AS expiries
                ON moved.owner_id = expiries.owner_id AND moved.asset = expiries.asset AND moved.seq = expiries.seq
            WHERE made.kind = 'carried_over' AND granted.owner_id = made.owner_id AND granted.app = made.app
                AND granted.allowance_nonce = made.allowance_nonce AND granted.occurrence = made.occurrence
                AND granted.kind <> 'carried_over' AND expiries.operation = 'EXPIRY'
                AND expiries.recorded_at = made.recorded_at AND expiries.seq < made.seq
            -- Where the clock was set back, the same moment has come before.
            GROUP BY expiries.seq
            ORDER BY expiries.seq DESC
            LIMIT 1
        ) AS expired ON TRUE
        LEFT JOIN LATERAL (
            SELECT granted.seq, granted.occurrence, before.expires_at
            FROM ledger.allowance_entries AS granted
            INNER JOIN ledger.entries AS before
                ON granted.owner_id = before.owner_id AND granted.asset = before.asset AND granted.seq = before.seq
            WHERE granted.owner_id = made.owner_id AND granted.app = made.app
                AND granted.allowance_nonce = made.allowance_nonce AND granted.kind = 'granted'
                AND made.kind = 'granted' AND granted.occurrence < made.occurrence
            ORDER BY granted.occurrence DESC
            LIMIT 1
        ) AS previous ON TRUE
    )

    SELECT
        checks.problem, 'allowance_entries', explained.owner_id::text, explained.asset::text, explained.seq,
        jsonb_build_object(
            'app', explained.app, 'allowance_nonce', explained.allowance_nonce, 'occurrence', explained.occurrence,
            'nonce', explained.entry_nonce, 'expected', checks.expected, 'found', checks.found
        )
    FROM explained
    CROSS JOIN LATERAL (
        VALUES
        ('entry missing', TRUE::text, (explained.entry_nonce IS NOT NULL)::text),
        ('entry of no allowance', TRUE::text, (explained.operation IS NOT NULL)::text),
        (
            'entry not of its allowance',
            CASE explained.kind
                WHEN 'granted' THEN ROW(
                    explained.app, explained.operation,
                    ledger_core.nonce_of_allowance(explained.allowance_nonce, explained.occurrence),
                    explained.kept_metadata
                )
                WHEN 'raised' THEN ROW(
                    explained.app, explained.operation,
                    CASE WHEN explained.raised THEN explained.entry_nonce END, explained.kept_metadata
                )
                ELSE ROW(
                    'ledger'::text, 'CARRY_OVER'::text,
                    CASE WHEN starts_with(explained.entry_nonce, 'ledger:carry_over:') THEN explained.entry_nonce END,
                    explained.kept_metadata
                )
            END::text,
            ROW(
                explained.entry_app, explained.entry_operation, explained.entry_nonce, explained.metadata
            )::text
        ),
        (
            'use wrong', CASE WHEN explained.amount > 0 THEN explained.kept_use ELSE explained.entry_use END,
            explained.entry_use
        ),
        (
            'amount wrong',
            CASE explained.kind
                WHEN 'granted' THEN CASE
                    WHEN explained.amount = 0
                        AND explained.balance_after + explained.asked_amount > ledger_core.max_amount() THEN 0
                    ELSE explained.asked_amount
                END
                WHEN 'carried_over' THEN least(explained.carry_over_most, explained.expired_amount)
                ELSE explained.amount
            END::text,
            explained.amount::text
        ),
        (
            'expires_at wrong', 'when its period is over',
            CASE
                WHEN explained.amount > 0 AND (
                    (explained.ends_at IS NULL) <> (explained.expires_at IS NULL)
                    OR (
                        explained.ends_at < 'infinity'
                        AND explained.expires_at NOT BETWEEN
                        explained.ends_at - v_tolerance AND explained.ends_at + v_tolerance
                    )
                ) THEN coalesce(explained.expires_at::text, 'never')
                ELSE 'when its period is over'
            END
        ),
        (
            'recorded_at wrong', 'when its period begins',
            CASE
                WHEN explained.kind = 'granted'
                    AND explained.recorded_at IS DISTINCT FROM explained.previous_expires_at
                    AND explained.recorded_at NOT BETWEEN
                    explained.begins_at - v_tolerance AND explained.begins_at + v_tolerance
                    -- or when it was granted, or the account was unfrozen, within it
                    AND NOT EXISTS (
                        SELECT 1 FROM ledger.allowance_events AS events
                        WHERE events.owner_id = explained.owner_id AND events.asset = explained.asset
                            AND events.app = explained.app AND events.allowance_nonce = explained.allowance_nonce
                            AND events.event = 'granted' AND events.happened_at = explained.recorded_at
                    )
                    AND NOT EXISTS (
                        SELECT 1 FROM ledger.operator_actions AS actions
                        WHERE actions.owner_id = explained.owner_id AND actions.asset = explained.asset
                            AND actions.action = 'unfreeze_account' AND actions.acted_at = explained.recorded_at
                    )
                    THEN explained.recorded_at::text
                ELSE 'when its period begins'
            END
        ),
        -- A period can only be left out if nothing was recorded in it.
        (
            'period left out', 'none',
            CASE
                WHEN explained.occurrence > explained.previous_occurrence + 1 AND explained.is_in_order
                    AND NOT EXISTS (
                        SELECT 1 FROM ledger.operator_actions AS actions
                        WHERE actions.owner_id = explained.owner_id AND actions.asset = explained.asset
                            AND actions.action = 'unfreeze_account'
                    )
                    AND EXISTS (
                        SELECT 1 FROM ledger.entries AS between_them
                        WHERE between_them.owner_id = explained.owner_id AND between_them.asset = explained.asset
                            AND between_them.seq BETWEEN explained.previous_seq + 1 AND explained.seq - 1
                            AND between_them.recorded_at >= explained.previous_expires_at + v_tolerance
                            AND between_them.recorded_at < explained.begins_at - v_tolerance
                            AND between_them.operation <> ALL (ledger_core.own_operations())
                            AND NOT starts_with(between_them.nonce, 'ledger:')
                    )
                    THEN (explained.previous_occurrence + 1)::text
                ELSE 'none'
            END
        )
    ) AS checks (problem, expected, found)
    WHERE checks.expected IS DISTINCT FROM checks.found
        AND (checks.problem = 'entry of no allowance' OR explained.operation IS NOT NULL);

    -- What was left of a period when the next one came is carried over.
    RETURN QUERY
    SELECT
        'not carried over', 'allowance_entries', granted.owner_id::text, granted.asset::text, granted.seq,
        jsonb_build_object(
            'app', granted.app, 'allowance_nonce', granted.allowance_nonce, 'occurrence', granted.occurrence
        )
    FROM ledger.allowance_entries AS granted
    -- While a clock was ahead, credits may have expired before the next ones came.
    INNER JOIN ledger.accounts
        ON granted.owner_id = accounts.owner_id AND granted.asset = accounts.asset
        AND ledger_core.is_in_order(accounts.in_order_from, accounts.last_entry_at)
        AND ledger_core.owner_in_range(accounts.owner_id, first, last, included)
    INNER JOIN ledger.allowances
        ON granted.owner_id = allowances.owner_id AND granted.asset = allowances.asset AND granted.app = allowances.app
        AND granted.allowance_nonce = allowances.nonce
        AND ledger_core.owner_in_range(allowances.owner_id, first, last, included)
    INNER JOIN ledger.allowance_entries AS following
        ON granted.owner_id = following.owner_id AND granted.app = following.app
        AND granted.allowance_nonce = following.allowance_nonce AND following.kind = 'granted'
        AND following.occurrence = granted.occurrence + 1
        AND ledger_core.owner_in_range(following.owner_id, first, last, included)
    INNER JOIN ledger.entries AS next_entry
        ON following.owner_id = next_entry.owner_id AND following.asset = next_entry.asset
        AND following.seq = next_entry.seq
        AND ledger_core.owner_in_range(next_entry.owner_id, first, last, included)
    INNER JOIN ledger.lot_movements AS moved
        ON granted.owner_id = moved.owner_id AND granted.asset = moved.asset AND granted.seq = moved.lot_seq
        AND ledger_core.owner_in_range(moved.owner_id, first, last, included)
    INNER JOIN ledger.entries AS expiries
        ON moved.owner_id = expiries.owner_id AND moved.asset = expiries.asset AND moved.seq = expiries.seq
        AND expiries.operation = 'EXPIRY' AND expiries.recorded_at = next_entry.recorded_at
        AND expiries.seq < next_entry.seq
        AND ledger_core.owner_in_range(expiries.owner_id, first, last, included)
    WHERE ledger_core.owner_in_range(granted.owner_id, first, last, included)
        AND granted.kind <> 'carried_over' AND allowances.carry_over_most > 0
        AND NOT EXISTS (
            SELECT 1 FROM ledger.allowance_entries AS carried
            WHERE carried.owner_id = granted.owner_id AND carried.app = granted.app
                AND carried.allowance_nonce = granted.allowance_nonce AND carried.occurrence = granted.occurrence
                AND carried.kind = 'carried_over'
        );
END
$$;

COMMENT ON FUNCTION ledger_core.verify_allowances IS
'Allowances that are not what was asked for, or have come another way than what came from them, and entries that do not follow
from an allowance: whose period, amount, time, expiry or carrying over is wrong, or that left a period out.';
