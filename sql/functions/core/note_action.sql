CREATE OR REPLACE FUNCTION ledger_core.note_action(
    owner_id text,
    asset text,
    action text,
    actor text,
    reason text,
    acted_at timestamptz,
    seq bigint,
    before jsonb,
    after jsonb
)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO ledger.operator_actions (
        owner_id, asset, action, actor, reason, acted_at, role_name, seq, before, after
    )
    VALUES (
        note_action.owner_id, note_action.asset, note_action.action, note_action.actor, note_action.reason,
        note_action.acted_at, ledger_core.caller_role(), note_action.seq, note_action.before, note_action.after
    );
END
$$;

COMMENT ON FUNCTION ledger_core.note_action(text, text, text, text, text, timestamptz, bigint, jsonb, jsonb) IS
'Keeps what an operator did to an account in ledger.operator_actions, with the values before and after.';
