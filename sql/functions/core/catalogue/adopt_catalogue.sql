CREATE OR REPLACE FUNCTION ledger_core.adopt_catalogue()
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_wrong record;
    v_adopted bigint := 0;
BEGIN
    PERFORM ledger_core.lock_catalogue();
    FOR v_wrong IN
        SELECT wrong.problem, wrong.detail FROM ledger_core.verify_catalogue() AS wrong
        WHERE wrong.problem IN ('app not as last noted', 'binding not as last noted')
        ORDER BY wrong.problem, wrong.detail ->> 'app', wrong.detail ->> 'role_name'
    LOOP
        IF v_wrong.problem = 'app not as last noted' THEN
            PERFORM ledger_core.journal_change('registered', NULL, v_wrong.detail ->> 'app', v_wrong.detail -> 'found');
        ELSIF jsonb_typeof(v_wrong.detail -> 'found') = 'object' THEN
            PERFORM ledger_core.journal_change(
                'bound', NULL, v_wrong.detail ->> 'app', v_wrong.detail -> 'found', v_wrong.detail ->> 'role_name'
            );
        ELSE
            PERFORM ledger_core.journal_change(
                'unbound', NULL, v_wrong.detail ->> 'app', '{}', v_wrong.detail ->> 'role_name'
            );
        END IF;
        v_adopted := v_adopted + 1;
    END LOOP;
    RETURN v_adopted;
END
$$;

COMMENT ON FUNCTION ledger_core.adopt_catalogue IS
'Locks the catalogue and adds apps and bindings that differ from their last line to ledger.operation_changes, as they are
now. Returns their number. Only `ledger migrate` calls it, after an upgrade: one that differs later was tampered with.';
