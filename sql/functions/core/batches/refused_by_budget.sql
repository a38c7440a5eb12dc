-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.refused_by_budget("position" integer, exceeded jsonb)
RETURNS ledger.batch_row
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_message text;
    v_hint text;
BEGIN
    PERFORM ledger_core.refuse_budget(exceeded);
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'LG307' THEN
        GET STACKED DIAGNOSTICS v_message = MESSAGE_TEXT, v_hint = PG_EXCEPTION_HINT;
        RETURN ledger_core.batch_refusal("position", 'LG307', v_message, exceeded::text, v_hint);
END
$$;

COMMENT ON FUNCTION ledger_core.refused_by_budget IS
'The result of an item of a batch that a budget refuses. exceeded: as ledger_core.exceeded_budget.';
