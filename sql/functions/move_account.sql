-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger.move_account(
    from_owner_id text,
    to_owner_id text,
    nonce text,
    actor text,
    reason text,
    asset text DEFAULT 'CREDIT'
)
RETURNS SETOF ledger.recorded_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table is empty would go on reading the whole of it.
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    PERFORM ledger_core.check_key('from_owner_id', move_account.from_owner_id);
    PERFORM ledger_core.check_pair(move_account.from_owner_id, move_account.to_owner_id);
    PERFORM ledger_core.check_known_account(move_account.from_owner_id, move_account.asset);
    PERFORM ledger_core.check_own_nonce(move_account.nonce);
    PERFORM ledger_core.check_nonce_of_parts(move_account.nonce);
    PERFORM ledger_core.check_actor(move_account.actor, move_account.reason);
    RETURN QUERY SELECT * FROM ledger_core.move_account(
        move_account.from_owner_id, move_account.to_owner_id, move_account.asset, move_account.nonce,
        move_account.actor, move_account.reason
    );
END
$$;

COMMENT ON FUNCTION ledger.move_account IS
'Moves an account to another owner and closes it, because two accounts are of one person, or an anonymous one has signed up. Returns
the entries, of operation ACCOUNT_MOVE and app "ledger": that of the old account, which takes all its credits, and those of the new
one, an entry for all credits with the same expiry, class and use, which stay as they were. replayed is true if the same request
had moved it before.
What the old owner has claimed counts as claimed by the new one, too. The old account is frozen for good: whatever would change it
is refused with LG308, which tells where it was moved to; what was recorded there can be read, and its retries are answered.
nonce: unique among adjustments and moves. actor: the person who decides; reason: why; both are kept in the entries and in
ledger.operator_actions. For operators. Raises LG001, also while the old account has open holds, allowances under way or an
overdraft; LG002, LG201, LG308 if one of them was moved already, LG310 for owners of two partitions, LG311.';
