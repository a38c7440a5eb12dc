CREATE OR REPLACE FUNCTION ledger_core.verify_actions(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        'adjustment and journal differ', 'operator_actions',
        coalesce(adjustments.owner_id, actions.owner_id)::text, coalesce(adjustments.asset, actions.asset)::text,
        coalesce(adjustments.seq, actions.seq),
        jsonb_build_object(
            'action_seq', actions.action_seq, 'entry', adjustments.metadata, 'actor', actions.actor, 'reason', actions.reason,
            'recorded_at', adjustments.recorded_at, 'acted_at', actions.acted_at, 'amount', adjustments.amount,
            'balance', adjustments.balance_after, 'before', actions.before, 'after', actions.after
        )
    FROM (
        SELECT *
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
            AND entries.app = 'ledger' AND entries.operation = 'ADJUSTMENT'
    ) AS adjustments
    FULL JOIN (
        SELECT * FROM ledger.operator_actions
        WHERE ledger_core.owner_in_range(operator_actions.owner_id, first, last, included)
            AND operator_actions.action = 'adjust_balance'
    ) AS actions
        ON adjustments.owner_id = actions.owner_id AND adjustments.asset = actions.asset AND adjustments.seq = actions.seq
    WHERE (
        adjustments.metadata, adjustments.recorded_at,
        jsonb_build_object('balance', adjustments.balance_after - adjustments.amount),
        jsonb_build_object('balance', adjustments.balance_after)
    ) IS DISTINCT FROM (
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
        WHERE ledger_core.owner_in_range(actions.owner_id, first, last, included) AND actions.action <> 'adjust_balance'
    ) AS linked
    WHERE linked.before <> linked.previous OR linked.after = linked.before OR linked.seq IS NOT NULL
        OR CASE linked.action
            WHEN 'freeze_account' THEN linked.after = '{"frozen": true}'
            WHEN 'unfreeze_account' THEN linked.after = '{"frozen": false}'
            ELSE jsonb_typeof(linked.after -> 'min_balance') = 'number'
                AND linked.after = jsonb_build_object('min_balance', linked.after -> 'min_balance')
        END IS NOT TRUE;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_actions IS
'Adjustments and operator actions that differ, and operator actions that do not begin with the value at which the action
before them ended.';
