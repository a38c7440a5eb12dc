-- journal_change and hold_line find the head of their chain in the same way. One look-up for all three tables would
-- need dynamic SQL in every call about a hold.
CREATE OR REPLACE FUNCTION ledger_core.journal_action(
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
    v_line ledger.operator_actions;
BEGIN
    -- The caller holds the account's lock until it commits, so nobody else adds a line meanwhile.
    SELECT action_seq, hash INTO v_line.action_seq, v_line.hash
    FROM ledger.operator_actions
    WHERE owner_id = journal_action.owner_id AND asset = journal_action.asset
    ORDER BY action_seq DESC
    LIMIT 1;
    v_line.action_seq := coalesce(v_line.action_seq, 0) + 1;
    v_line.acted_at := journal_action.acted_at;
    v_line.xact_id := pg_current_xact_id();
    v_line.role_name := ledger_core.caller_role();
    v_line.owner_id := journal_action.owner_id;
    v_line.asset := journal_action.asset;
    v_line.action := journal_action.action;
    v_line.actor := journal_action.actor;
    v_line.reason := journal_action.reason;
    v_line.seq := journal_action.seq;
    v_line.before := journal_action.before;
    v_line.after := journal_action.after;
    v_line.hash := ledger_core.chain_hash(
        coalesce(v_line.hash, ledger_core.zero_hash()), ledger_core.hashed_action(v_line)
    );
    INSERT INTO ledger.operator_actions SELECT v_line.*;
END
$$;

COMMENT ON FUNCTION ledger_core.journal_action IS
'Adds what an operator did to a locked account to ledger.operator_actions, chained to the account''s line before.
seq: the entry that the action recorded, if any. before, after: the values that it changed.';
