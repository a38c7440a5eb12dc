-- requires: functions/core/requests/json_time
CREATE OR REPLACE FUNCTION ledger_core.exceeded_budget(
    owner_id text,
    asset text,
    budget text,
    spender text,
    most bigint,
    spent bigint,
    held bigint,
    required bigint,
    period_end timestamptz
)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT jsonb_build_object(
    'owner_id', owner_id,
    'asset', asset,
    'budget', budget,
    'spender', spender,
    'most', most,
    'spent', spent,
    'held', held,
    'required', required,
    'resets_at', ledger_core.json_time(nullif(period_end, 'infinity'))
)
$$;

COMMENT ON FUNCTION ledger_core.exceeded_budget IS
'The detail of LG307. spender: whose budget it is, null for all spenders together. resets_at: null for a budget for ever.';
