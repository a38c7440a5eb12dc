-- requires: dropped/0.1_answers
-- For all that the guarded ledger_core.write_entry does not take on: what is due, claims of more than one, replays,
-- refusals.
CREATE OR REPLACE FUNCTION ledger_core.record_in_steps(entry ledger.entries)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_account ledger_core.account_state := ledger_core.lock_account(entry.owner_id, entry.asset);
    v_recorded ledger.recorded_row := ledger_core.replay_of(entry);
BEGIN
    IF v_recorded.entry_id IS NULL THEN
        v_recorded := ledger_core.record_on_account(entry, v_account);
    END IF;
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger_core.record_in_steps IS
'Records one entry of one account, in this order: lock, settle what is due, replay, ledger_core.record_on_account.
entry: the request, which the caller has checked against the rule. Raises LG001, LG002, LG201, LG301, LG302, LG303, LG307.';
