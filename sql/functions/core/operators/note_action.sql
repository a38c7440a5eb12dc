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
#variable_conflict use_column
DECLARE
    v_role_name text := ledger_core.caller_role();
    v_xact_id xid8 := pg_current_xact_id();
    v_action_seq bigint;
    v_hash bytea;
BEGIN
    -- Whoever acts on an account holds its lock until he commits: nobody else adds a line meanwhile.
    SELECT action_seq, hash INTO v_action_seq, v_hash
    FROM ledger.operator_actions
    WHERE owner_id = note_action.owner_id AND asset = note_action.asset
    ORDER BY action_seq DESC
    LIMIT 1;
    v_action_seq := coalesce(v_action_seq, 0) + 1;
    v_hash := ledger_core.chain_hash(
        coalesce(v_hash, decode(repeat('00', 32), 'hex')),
        ledger_core.action_bytes(
            v_action_seq, note_action.acted_at, v_xact_id, note_action.owner_id, note_action.asset, note_action.action,
            v_role_name, note_action.actor, note_action.reason, note_action.before, note_action.after, note_action.seq
        )
    );
    INSERT INTO ledger.operator_actions (
        action_seq, acted_at, role_name, actor, action, owner_id, asset, reason, seq, before, after, xact_id, hash
    )
    VALUES (
        v_action_seq, note_action.acted_at, v_role_name, note_action.actor, note_action.action, note_action.owner_id,
        note_action.asset, note_action.reason, note_action.seq, note_action.before, note_action.after, v_xact_id, v_hash
    );
END
$$;

COMMENT ON FUNCTION ledger_core.note_action IS
'Keeps what an operator did to a locked account in ledger.operator_actions, with the values before and after, chained to the account''s action before.';
