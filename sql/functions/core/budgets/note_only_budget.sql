CREATE OR REPLACE FUNCTION ledger_core.note_only_budget(
    owner_id text,
    asset text,
    budget text,
    use_spender text,
    most bigint,
    app text,
    operation text,
    version bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_is_only boolean := ledger_core.is_only_budget(
        note_only_budget.owner_id, note_only_budget.asset, note_only_budget.use_spender
    );
BEGIN
    UPDATE ledger.budget_use
    SET
        version = note_only_budget.version,
        only_most = CASE WHEN v_is_only THEN note_only_budget.most END,
        only_app = CASE WHEN v_is_only THEN note_only_budget.app END,
        only_operation = CASE WHEN v_is_only THEN note_only_budget.operation END
    WHERE owner_id = note_only_budget.owner_id AND asset = note_only_budget.asset AND budget = note_only_budget.budget
        AND spender = note_only_budget.use_spender;
END
$$;

COMMENT ON FUNCTION ledger_core.note_only_budget IS
'Notes with the use of a budget what it takes to count in it by one statement, if it is the only one
(ledger_core.is_only_budget), as of a version of the budgets of everybody.';
