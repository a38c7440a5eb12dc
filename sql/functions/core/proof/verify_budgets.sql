CREATE OR REPLACE FUNCTION ledger_core.verify_budgets(first text, last text, included boolean)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    -- An action begins with the rule at which the one before ended, and the last one ends with the budget.
    RETURN QUERY
    WITH actions AS MATERIALIZED (
        SELECT
            noted.owner_id, noted.asset, noted.action_seq, noted.action, noted.seq, noted.before, noted.after,
            noted.after ->> 'budget' AS budget, coalesce(noted.after ->> 'spender', '') AS spender,
            lag(noted.after) OVER same AS previous,
            lead(noted.action_seq) OVER same IS NULL AS is_last
        FROM ledger.operator_actions AS noted
        WHERE ledger_core.owner_in_range(noted.owner_id, first, last, included)
            AND noted.action IN ('set_budget', 'drop_budget')
        WINDOW same AS (
            PARTITION BY noted.owner_id, noted.asset, noted.after ->> 'budget', noted.after ->> 'spender'
            ORDER BY noted.action_seq
        )
    )

    SELECT
        'action does not follow from the one before', 'operator_actions', actions.owner_id::text, actions.asset::text,
        actions.seq,
        jsonb_build_object(
            'action_seq', actions.action_seq, 'action', actions.action, 'expected', actions.previous,
            'found', actions.before, 'after', actions.after
        )
    FROM actions
    WHERE actions.before IS DISTINCT FROM coalesce(actions.previous, actions.after || '{"rule": null}')
        OR actions.after = actions.before OR actions.seq IS NOT NULL
        OR (actions.action = 'set_budget') <> (jsonb_typeof(actions.after -> 'rule') = 'object')
    UNION ALL
    SELECT
        'budget not as last noted', 'budgets', coalesce(own.owner_id, actions.owner_id)::text,
        coalesce(own.asset, actions.asset)::text, NULL,
        jsonb_build_object('noted', actions.after, 'found', own.facts)
    FROM (
        SELECT
            budgets.owner_id, budgets.asset, budgets.budget, budgets.spender, ledger_core.noted_budget(budgets) AS facts
        FROM ledger.budgets
        WHERE ledger_core.owner_in_range(budgets.owner_id, first, last, included)
    ) AS own
    FULL JOIN (SELECT * FROM actions WHERE actions.is_last) AS actions
        ON own.owner_id = actions.owner_id AND own.asset = actions.asset AND own.budget = actions.budget
        AND own.spender = actions.spender
    WHERE own.facts IS DISTINCT FROM CASE actions.action WHEN 'set_budget' THEN actions.after END;

    RETURN QUERY
    SELECT
        'has_budgets wrong', 'accounts', counting.owner_id::text, counting.asset::text, NULL::bigint,
        jsonb_build_object('expected', TRUE, 'found', accounts.has_budgets)
    FROM (
        SELECT budgets.owner_id, budgets.asset FROM ledger.budgets
        WHERE ledger_core.owner_in_range(budgets.owner_id, first, last, included)
        UNION
        SELECT budget_use.owner_id, budget_use.asset FROM ledger.budget_use
        WHERE ledger_core.owner_in_range(budget_use.owner_id, first, last, included)
    ) AS counting
    LEFT JOIN ledger.accounts
        ON counting.owner_id = accounts.owner_id AND counting.asset = accounts.asset
        AND ledger_core.owner_in_range(accounts.owner_id, first, last, included)
    WHERE accounts.has_budgets IS NOT TRUE
    UNION ALL
    -- Requests of an operation that a budget of everybody counts set it, although that may count other spenders only.
    SELECT
        'has_budgets wrong', 'accounts', accounts.owner_id::text, accounts.asset::text, NULL,
        jsonb_build_object('expected', FALSE, 'found', TRUE)
    FROM ledger.accounts
    WHERE ledger_core.owner_in_range(accounts.owner_id, first, last, included) AND accounts.has_budgets
        AND NOT EXISTS (
            SELECT 1 FROM ledger.operator_actions AS actions
            WHERE actions.owner_id = accounts.owner_id AND actions.asset = accounts.asset
                AND actions.action = 'set_budget'
        )
        AND NOT EXISTS (
            SELECT 1 FROM ledger.operation_changes AS changes
            WHERE changes.change = 'budget_defined' AND changes.rule ->> 'asset' = accounts.asset
        );

    -- What is kept of a rule that is not in force any more is never used again.
    RETURN QUERY
    WITH zones AS MATERIALIZED (
        SELECT given.name
        FROM (
            SELECT budgets.time_zone AS name FROM ledger.budgets
            WHERE ledger_core.owner_in_range(budgets.owner_id, first, last, included)
            UNION
            SELECT definitions.time_zone FROM ledger.budget_definitions AS definitions
        ) AS given
        WHERE ledger_core.is_time_zone(given.name)
    ),

    kept AS MATERIALIZED (
        SELECT
            budget_use.owner_id, budget_use.asset, budget_use.budget, budget_use.spender, budget_use.spent, budget_use.held,
            budget_use.period_start, budget_use.period_end, budget_use.only_most, budget_use.only_app,
            budget_use.only_operation, budget_use.version, rules.most, rules.rule_spender, rules.app, rules.operation, periods.since,
            periods.until
        FROM ledger.budget_use
        CROSS JOIN LATERAL (
            SELECT applying.rule_spender, applying.most, applying.period, applying.app, applying.operation, applying.time_zone
            FROM ledger_core.budgets_that_apply(
                budget_use.owner_id, budget_use.asset, nullif(budget_use.spender, '')
            ) AS applying
            WHERE applying.budget = budget_use.budget AND applying.use_spender = budget_use.spender
                AND applying.use_id = budget_use.use_id
            UNION ALL
            SELECT own.spender, own.most, own.period, own.app, own.operation, own.time_zone
            FROM ledger.budgets AS own
            WHERE own.owner_id = budget_use.owner_id AND own.asset = budget_use.asset
                AND own.budget = budget_use.budget AND own.spender = '*'
                AND budget_use.spender = '' AND budget_use.use_id = 0
            UNION ALL
            SELECT defined.spender, defined.most, defined.period, defined.app, defined.operation, defined.time_zone
            FROM ledger.budget_definitions AS defined
            WHERE defined.asset = budget_use.asset AND defined.budget = budget_use.budget AND defined.spender = '*'
                AND budget_use.spender = '' AND budget_use.use_id = defined.use_id
        ) AS rules
        CROSS JOIN LATERAL ledger_core.budget_period(
            -- After tampering, they may be any text.
            CASE WHEN rules.period IN ('day', 'week', 'month') THEN rules.period ELSE 'ever' END,
            CASE
                WHEN rules.time_zone IN (SELECT zones.name FROM zones) THEN rules.time_zone
                ELSE 'UTC'
            END,
            CASE WHEN rules.period = 'ever' THEN 'epoch' ELSE budget_use.period_start END
        ) AS periods
        WHERE ledger_core.owner_in_range(budget_use.owner_id, first, last, included)
    ),

    used AS MATERIALIZED (
        SELECT counted.*, used.spender, used.spent, used.held
        FROM (
            SELECT DISTINCT kept.owner_id, kept.asset, kept.app, kept.operation, kept.period_start, kept.period_end FROM kept
        ) AS counted
        CROSS JOIN LATERAL ledger_core.budget_used(
            counted.owner_id, counted.asset, counted.app, counted.operation, counted.period_start, counted.period_end
        ) AS used
    )

    SELECT
        'budget use wrong', 'budget_use', kept.owner_id::text, kept.asset::text, NULL::bigint,
        jsonb_build_object('budget', kept.budget, 'spender', kept.spender, 'expected', should.facts, 'found', found.facts)
    FROM kept
    CROSS JOIN LATERAL (
        SELECT jsonb_build_object(
            'spent', coalesce(sum(used.spent), 0), 'held', coalesce(sum(used.held), 0),
            'period_start', kept.since, 'period_end', kept.until
        ) AS facts
        FROM used
        WHERE used.owner_id = kept.owner_id AND used.asset = kept.asset AND used.period_start = kept.period_start
            AND used.period_end = kept.period_end AND used.app IS NOT DISTINCT FROM kept.app
            AND used.operation IS NOT DISTINCT FROM kept.operation
            AND CASE WHEN kept.rule_spender = '' THEN TRUE ELSE kept.spender <> '' AND used.spender = kept.spender END
    ) AS should
    CROSS JOIN LATERAL (
        SELECT jsonb_build_object(
            'spent', kept.spent, 'held', kept.held, 'period_start', kept.period_start, 'period_end', kept.period_end
        ) AS facts
    ) AS found
    WHERE should.facts <> found.facts
    UNION ALL
    SELECT
        'only budget wrong', 'budget_use', kept.owner_id::text, kept.asset::text, NULL,
        jsonb_build_object(
            'budget', kept.budget, 'spender', kept.spender, 'expected', should.facts, 'found', found.facts
        )
    FROM kept
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN kept.only_most IS NULL THEN jsonb_build_object('most', NULL, 'app', NULL, 'operation', NULL)
            WHEN ledger_core.is_only_budget(kept.owner_id, kept.asset, kept.spender)
                THEN jsonb_build_object('most', kept.most, 'app', kept.app, 'operation', kept.operation)
        END AS facts
    ) AS should
    CROSS JOIN LATERAL (
        SELECT jsonb_build_object('most', kept.only_most, 'app', kept.only_app, 'operation', kept.only_operation) AS facts
    ) AS found
    WHERE (kept.version IS NULL OR kept.version = (SELECT newest.version FROM ledger_core.budget_version AS newest))
        AND should.facts IS DISTINCT FROM found.facts
    UNION ALL
    -- The row of no spender says that those of all spenders are there.
    SELECT
        'budget use missing', 'budget_use', every.owner_id::text, every.asset::text, NULL::bigint,
        jsonb_build_object('budget', every.budget, 'spender', used.spender, 'spent', used.spent, 'held', used.held)
    FROM kept AS every
    INNER JOIN used
        ON every.owner_id = used.owner_id AND every.asset = used.asset AND every.period_start = used.period_start
        AND every.period_end = used.period_end AND every.app IS NOT DISTINCT FROM used.app
        AND every.operation IS NOT DISTINCT FROM used.operation
    WHERE every.rule_spender = '*' AND every.spender = '' AND used.spender <> ''
        AND EXISTS (
            SELECT 1 FROM ledger_core.budgets_that_apply(every.owner_id, every.asset, used.spender) AS applying
            WHERE applying.budget = every.budget AND applying.rule_spender = '*'
        )
        AND NOT EXISTS (
            SELECT 1 FROM ledger.budget_use
            WHERE owner_id = every.owner_id AND asset = every.asset AND budget = every.budget AND spender = used.spender
                AND period_start = every.period_start
        );
END
$$;

COMMENT ON FUNCTION ledger_core.verify_budgets IS
'Budgets that differ from their last operator action, such actions that do not begin where the one before ended, and counts
of what was used that differ from the entries and holds.';
