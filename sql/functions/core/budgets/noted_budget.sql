CREATE OR REPLACE FUNCTION ledger_core.noted_budget(rule ledger.budgets)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT jsonb_build_object(
    'budget', rule.budget,
    'spender', nullif(rule.spender, ''),
    'rule', CASE WHEN rule.most IS NOT NULL THEN jsonb_build_object(
        'most', rule.most,
        'period', rule.period,
        'app', rule.app,
        'operation', rule.operation,
        'time_zone', rule.time_zone
    ) END
)
$$;

COMMENT ON FUNCTION ledger_core.noted_budget IS
'A budget of an owner as ledger.operator_actions keeps it. The rule is null if most is: there is none.';
