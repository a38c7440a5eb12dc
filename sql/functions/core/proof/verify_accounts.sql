CREATE OR REPLACE FUNCTION ledger_core.verify_accounts(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH summed AS (
        SELECT
            entries.owner_id,
            entries.asset,
            sum(entries.amount) AS balance,
            max(entries.seq) AS last_seq,
            count(*) AS entries
        FROM ledger.entries
        WHERE ledger_core.owner_in_range(entries.owner_id, first, last, included)
        GROUP BY entries.owner_id, entries.asset
    ),

    holding AS (
        SELECT holds.owner_id, holds.asset, sum(holds.amount - holds.captured) AS held, min(holds.expires_at) AS due_at
        FROM ledger.holds
        WHERE ledger_core.owner_in_range(holds.owner_id, first, last, included) AND holds.status = 'open'
        GROUP BY holds.owner_id, holds.asset
    ),

    expiring AS (
        SELECT
            lots.owner_id, lots.asset, coalesce(min(lots.expires_at), ledger_core.never_due()) AS due_at, sum(lots.remaining - lots.held) AS amount
        FROM ledger.lots
        WHERE ledger_core.owner_in_range(lots.owner_id, first, last, included) AND lots.remaining > lots.held
        GROUP BY lots.owner_id, lots.asset
    ),

    actions AS (
        SELECT
            operator_actions.owner_id,
            operator_actions.asset,
            (array_agg(operator_actions.after ->> 'min_balance' ORDER BY operator_actions.action_seq DESC)
                FILTER (WHERE operator_actions.action = 'set_min_balance'))[1] AS min_balance,
            (array_agg(operator_actions.acted_at ORDER BY operator_actions.action_seq DESC)
                FILTER (WHERE operator_actions.action IN ('freeze_account', 'unfreeze_account')))[1] AS frozen_at,
            (array_agg(operator_actions.action ORDER BY operator_actions.action_seq DESC)
                FILTER (WHERE operator_actions.action IN ('freeze_account', 'unfreeze_account')))[1] AS frozen_by,
            max(operator_actions.after ->> 'moved_to') FILTER (WHERE operator_actions.action = 'move_account') AS moved_to,
            count(*) FILTER (WHERE operator_actions.action = 'move_account') AS moves,
            max(operator_actions.seq) FILTER (WHERE operator_actions.action = 'move_account') AS moved_by
        FROM ledger.operator_actions
        WHERE ledger_core.owner_in_range(operator_actions.owner_id, first, last, included)
        GROUP BY operator_actions.owner_id, operator_actions.asset
    )

    SELECT
        checks.problem, 'accounts',
        coalesce(accounts.owner_id, summed.owner_id, holding.owner_id, actions.owner_id)::text,
        coalesce(accounts.asset, summed.asset, holding.asset, actions.asset)::text, NULL::bigint,
        jsonb_build_object('expected', checks.expected, 'found', checks.found)
    FROM (SELECT * FROM ledger.accounts WHERE ledger_core.owner_in_range(accounts.owner_id, first, last, included)) AS accounts
    FULL JOIN summed ON accounts.owner_id = summed.owner_id AND accounts.asset = summed.asset
    FULL JOIN holding ON accounts.owner_id = holding.owner_id AND accounts.asset = holding.asset
    FULL JOIN actions ON accounts.owner_id = actions.owner_id AND accounts.asset = actions.asset
    LEFT JOIN expiring ON accounts.owner_id = expiring.owner_id AND accounts.asset = expiring.asset
    LEFT JOIN (
        SELECT allowances.owner_id, allowances.asset, min(allowances.next_at) AS due_at
        FROM ledger.allowances
        WHERE ledger_core.owner_in_range(allowances.owner_id, first, last, included)
        GROUP BY allowances.owner_id, allowances.asset
    ) AS coming ON accounts.owner_id = coming.owner_id AND accounts.asset = coming.asset
    LEFT JOIN ledger.entries AS newest
        ON accounts.owner_id = newest.owner_id AND accounts.asset = newest.asset AND summed.last_seq = newest.seq
        AND ledger_core.owner_in_range(newest.owner_id, first, last, included)
    CROSS JOIN LATERAL (
        VALUES
        ('account missing', 'account', CASE WHEN accounts.owner_id IS NULL THEN 'none' ELSE 'account' END),
        ('balance wrong', coalesce(summed.balance, 0)::text, accounts.balance::text),
        ('last_seq wrong', coalesce(summed.last_seq, 0)::text, accounts.last_seq::text),
        ('entries missing', coalesce(summed.last_seq, 0)::text, coalesce(summed.entries, 0)::text),
        ('last_entry_at wrong', coalesce(newest.recorded_at, '-infinity')::text, accounts.last_entry_at::text),
        (
            'in_order_from wrong', 'an entry recorded before the one that precedes it, or 1',
            CASE
                WHEN accounts.in_order_from <> 1 AND (
                    (
                        SELECT entries.recorded_at FROM ledger.entries
                        WHERE entries.owner_id = accounts.owner_id AND entries.asset = accounts.asset
                            AND entries.seq = accounts.in_order_from
                    ) < (
                        SELECT entries.recorded_at FROM ledger.entries
                        WHERE entries.owner_id = accounts.owner_id AND entries.asset = accounts.asset
                            AND entries.seq = accounts.in_order_from - 1
                    )
                ) IS NOT TRUE THEN accounts.in_order_from::text
            END
        ),
        ('head_hash wrong', encode(coalesce(newest.hash, ledger_core.zero_hash()), 'hex'), encode(accounts.head_hash, 'hex')),
        ('held wrong', coalesce(holding.held, 0)::text, accounts.held::text),
        ('next_due_at wrong', least(holding.due_at, expiring.due_at, coming.due_at, 'infinity')::text, accounts.next_due_at::text),
        ('min_balance not set by an operator', coalesce(actions.min_balance, '0'), accounts.min_balance::text),
        (
            'frozen_at not set by an operator',
            coalesce(CASE actions.frozen_by WHEN 'freeze_account' THEN actions.frozen_at END::text, 'never'),
            CASE WHEN accounts.owner_id IS NOT NULL THEN coalesce(accounts.frozen_at::text, 'never') END
        ),
        (
            'moved_to not set by an operator', coalesce(actions.moved_to, 'nowhere'),
            CASE
                WHEN actions.moves > 1 OR (accounts.moved_to IS NOT NULL AND accounts.frozen_at IS NULL)
                    THEN 'moved and opened again'
                WHEN accounts.owner_id IS NOT NULL THEN coalesce(accounts.moved_to, 'nowhere')
            END
        ),
        (
            'credits in a closed account', '0',
            CASE
                WHEN accounts.moved_to IS NOT NULL
                    THEN (abs(accounts.balance) + accounts.held + coalesce(expiring.amount, 0))::text
            END
        ),
        (
            'entries in a closed account', actions.moved_by::text,
            CASE WHEN accounts.moved_to IS NOT NULL THEN accounts.last_seq::text END
        ),
        (
            'overspent', 'at least ' || accounts.min_balance - accounts.debt,
            CASE
                WHEN accounts.balance - accounts.held < accounts.min_balance - accounts.debt
                    THEN (accounts.balance - accounts.held)::text
                ELSE 'at least ' || accounts.min_balance - accounts.debt
            END
        ),
        -- What the account is below its floor, without credits that will expire.
        (
            'debt wrong',
            greatest(
                0, accounts.min_balance - accounts.balance + accounts.held + coalesce(expiring.amount, 0)
            )::text,
            accounts.debt::text
        )
    ) AS checks (problem, expected, found)
    WHERE checks.expected <> checks.found;
END
$$;

COMMENT ON FUNCTION ledger_core.verify_accounts IS
'Accounts that are missing, or that differ from what their entries, holds, lots and operator actions add up to.';
