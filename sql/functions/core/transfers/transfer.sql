-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.transfer(entry ledger.entries, amount bigint)
RETURNS SETOF ledger.recorded_row
LANGUAGE plpgsql
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_sent ledger.recorded_row := ledger_core.replay_of(entry);
    v_pair ledger_core.account_pair;
BEGIN
    IF v_sent.entry_id IS NULL THEN
        PERFORM ledger_core.check_transferable(entry.app, entry.operation, transfer.amount);
        v_pair := ledger_core.lock_pair(entry.owner_id, entry.peer_owner_id, entry.asset);
        v_sent := ledger_core.replay_of(entry);
    END IF;
    IF v_sent.entry_id IS NULL THEN
        IF (v_pair.peer).frozen_at IS NOT NULL THEN
            PERFORM ledger_core.refuse_frozen(entry.peer_owner_id, entry.asset, (v_pair.peer).frozen_at);
        END IF;
        IF EXISTS (
            SELECT 1 FROM ledger_core.rules_in_force
            WHERE app = entry.app AND operation = entry.operation AND is_budgeted
        ) THEN
            PERFORM ledger_core.begin_budgets(entry.owner_id, entry.asset);
        END IF;
        entry.peer_seq := (v_pair.peer).last_seq + 1;
        v_sent := ledger_core.record_on_account(entry, v_pair.own);
        entry.seq := v_sent.seq;
        entry.recorded_at := v_sent.recorded_at;
        PERFORM ledger_core.receive_parts(entry);
    END IF;

    RETURN QUERY SELECT * FROM ledger_core.sides_of(v_sent);
END
$$;

COMMENT ON FUNCTION ledger_core.transfer IS
'Records a transfer: entry, the sender''s, and those of the receiver. entry: the request, whose own fields the caller has
checked; peer_owner_id is the receiver. amount: as the request has it. Returns the sender''s entry, then those of the receiver.
Raises LG001, LG002, LG102, LG103, LG201, LG301, LG302, LG303, LG307, LG309, LG311.';
