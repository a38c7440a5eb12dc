CREATE OR REPLACE FUNCTION ledger_core.verify_actions(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        CASE recorded.operation
            WHEN 'REVERSAL' THEN 'reversal and journal differ'
            WHEN 'ACCOUNT_MOVE' THEN 'move and journal differ'
            ELSE 'adjustment and journal differ'
        END,
        'operator_actions',
        coalesce(recorded.owner_id, actions.owner_id)::text, coalesce(recorded.asset, actions.asset)::text,
        coalesce(recorded.seq, actions.seq),
        jsonb_build_object(
            'action_seq', actions.action_seq, 'entry', recorded.metadata, 'actor', actions.actor, 'reason', actions.reason,
            'recorded_at', recorded.recorded_at, 'acted_at', actions.acted_at, 'amount', recorded.amount,
            'balance', recorded.balance_after, 'before', actions.before, 'after', actions.after
        )
    FROM (
        SELECT *
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
            AND CASE entries.operation
                WHEN 'ADJUSTMENT' THEN entries.app = 'ledger'
                -- That of the account that was closed
                WHEN 'ACCOUNT_MOVE' THEN entries.app = 'ledger' AND entries.amount <= 0
                -- Those of apps are in no journal.
                WHEN 'REVERSAL' THEN EXISTS (
                    SELECT 1 FROM ledger.operator_actions
                    WHERE owner_id = entries.owner_id AND asset = entries.asset AND seq = entries.seq
                )
            END
    ) AS recorded
    FULL JOIN (
        SELECT * FROM ledger.operator_actions
        WHERE ledger_core.owner_in_range(operator_actions.owner_id, first, last, included)
            AND operator_actions.action IN ('adjust_balance', 'reverse_entry', 'move_account')
    ) AS actions
        ON recorded.owner_id = actions.owner_id AND recorded.asset = actions.asset AND recorded.seq = actions.seq
    WHERE (
        CASE recorded.operation
            WHEN 'REVERSAL' THEN 'reverse_entry'
            WHEN 'ACCOUNT_MOVE' THEN 'move_account'
            ELSE 'adjust_balance'
        END,
        recorded.metadata, recorded.recorded_at,
        jsonb_build_object('balance', recorded.balance_after - recorded.amount),
        jsonb_build_object('balance', recorded.balance_after)
        || CASE recorded.operation
            WHEN 'ACCOUNT_MOVE' THEN jsonb_build_object('moved_to', recorded.peer_owner_id)
            ELSE '{}'
        END
    ) IS DISTINCT FROM (
        actions.action,
        jsonb_build_object('actor', actions.actor, 'reason', actions.reason), actions.acted_at, actions.before, actions.after
    );

    -- An action of a kind begins with the value at which the one before ended. verify_accounts checks the last one.
    RETURN QUERY
    SELECT
        'action does not follow from the one before', 'operator_actions', linked.owner_id::text, linked.asset::text,
        linked.seq,
        jsonb_build_object(
            'action_seq', linked.action_seq, 'action', linked.action, 'expected', linked.previous, 'found', linked.before,
            'after', linked.after
        )
    FROM (
        SELECT
            actions.*,
            lag(
                actions.after, 1,
                CASE actions.action WHEN 'set_min_balance' THEN '{"min_balance": 0}' ELSE '{"frozen": false}' END::jsonb
            ) OVER (
                PARTITION BY actions.owner_id, actions.asset, actions.action = 'set_min_balance'
                ORDER BY actions.action_seq
            ) AS previous
        FROM ledger.operator_actions AS actions
        WHERE ledger_core.owner_in_range(actions.owner_id, first, last, included) 
            AND actions.action IN ('set_min_balance', 'freeze_account', 'unfreeze_account')
    ) AS linked
    WHERE linked.before <> linked.previous OR linked.after = linked.before OR linked.seq IS NOT NULL
        OR CASE linked.action
            WHEN 'freeze_account' THEN linked.after = '{"frozen": true}'
            WHEN 'unfreeze_account' THEN linked.after = '{"frozen": false}'
            ELSE jsonb_typeof(linked.after -> 'min_balance') = 'number'
                AND linked.after = jsonb_build_object('min_balance', linked.after -> 'min_balance')
        END IS NOT TRUE;

    -- What ended an allowance by hand is in the journal of allowances, too.
    RETURN QUERY
    SELECT
        'action and allowance differ', 'operator_actions', actions.owner_id::text, actions.asset::text, actions.seq,
        jsonb_build_object('action_seq', actions.action_seq, 'before', actions.before, 'after', actions.after)
    FROM ledger.operator_actions AS actions
    WHERE ledger_core.owner_in_range(actions.owner_id, first, last, included) AND actions.action = 'end_allowance'
        AND NOT EXISTS (
            SELECT 1
            FROM (
                SELECT
                    events.event, events.happened_at, events.seq,
                    jsonb_build_object(
                        'app', events.app, 'allowance_nonce', events.allowance_nonce,
                        'ends_at', events.allowance -> 'ends_at'
                    ) AS noted,
                    lag(events.allowance -> 'ends_at') OVER (ORDER BY events.event_seq) AS previous
                FROM ledger.allowance_events AS events
                WHERE events.owner_id = actions.owner_id AND events.asset = actions.asset
                    AND events.app = actions.after ->> 'app' AND events.allowance_nonce = actions.after ->> 'allowance_nonce'
            ) AS asked
            WHERE asked.event = 'ended' AND asked.happened_at = actions.acted_at
                AND asked.seq IS NOT DISTINCT FROM actions.seq AND asked.noted = actions.after
                AND asked.noted || jsonb_build_object('ends_at', asked.previous) = actions.before
        );
END
$$;

COMMENT ON FUNCTION ledger_core.verify_actions IS
'Adjustments, moves, reversals and ends of allowances by hand that differ from operator actions, and operator actions that do not begin
with the value at which the action before them ended.';
