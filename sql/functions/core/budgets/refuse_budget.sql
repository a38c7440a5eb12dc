CREATE OR REPLACE FUNCTION ledger_core.refuse_budget(exceeded jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    PERFORM ledger_core.refuse('budget_exceeded', exceeded, CASE
        WHEN (exceeded ->> 'required')::bigint > (exceeded ->> 'most')::bigint
            THEN 'Nothing was taken. Waiting does not help: the request alone is more than most. Ask for less, or have the budget changed.'
        WHEN exceeded ->> 'resets_at' IS NULL
            THEN 'Nothing was taken. Waiting does not help: the budget never begins anew. Ask for at most what is left, or have it changed.'
    END);
END
$$;

COMMENT ON FUNCTION ledger_core.refuse_budget IS
'Raises LG307. exceeded: as ledger_core.exceeded_budget.';
