-- requires: functions/core/requests/json_time, functions/core/journals/interval_text
CREATE OR REPLACE FUNCTION ledger_core.noted_allowance(allowance ledger.allowances)
RETURNS jsonb
LANGUAGE sql
STABLE
AS $$
SELECT jsonb_build_object(
    'operation', allowance.operation,
    'amount', allowance.amount,
    'period', allowance.period,
    'time_zone', allowance.time_zone,
    'starts_at', ledger_core.json_time(allowance.starts_at),
    'carry_over_most', allowance.carry_over_most,
    'carry_over_for', allowance.carry_over_for,
    'occurrences', allowance.occurrences,
    'ends_at', ledger_core.json_time(allowance.ends_at),
    'expires_after', ledger_core.interval_text(allowance.expires_after),
    'metadata', allowance.metadata,
    'credit_class', allowance.credit_class,
    'priority', allowance.priority,
    'usable_for', allowance.usable_for,
    'usable_in', allowance.usable_in
)
$$;

COMMENT ON FUNCTION ledger_core.noted_allowance IS
'An allowance as ledger.allowance_events keeps it, the same in every session: all but how far it has come.';
