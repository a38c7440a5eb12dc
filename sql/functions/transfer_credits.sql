-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger.transfer_credits(
    app text,
    from_owner_id text,
    to_owner_id text,
    operation text,
    nonce text,
    amount bigint,
    metadata jsonb DEFAULT NULL,
    spender text DEFAULT NULL
)
RETURNS SETOF ledger.recorded_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_entry ledger.entries;
BEGIN
    PERFORM ledger_core.check_key('from_owner_id', transfer_credits.from_owner_id);
    PERFORM ledger_core.check_key('to_owner_id', transfer_credits.to_owner_id);
    PERFORM ledger_core.check_key('operation', transfer_credits.operation);
    PERFORM ledger_core.check_nonce(transfer_credits.app, transfer_credits.nonce);
    PERFORM ledger_core.check_nonce_of_parts(transfer_credits.nonce);
    PERFORM ledger_core.check_metadata(transfer_credits.metadata);
    PERFORM ledger_core.check_spender(transfer_credits.spender);
    PERFORM ledger_core.check_authorized(transfer_credits.app);
    PERFORM ledger_core.check_pair(transfer_credits.from_owner_id, transfer_credits.to_owner_id);
    v_entry.owner_id := transfer_credits.from_owner_id;
    SELECT asset INTO v_entry.asset
    FROM ledger_core.rules_in_force
    WHERE app = transfer_credits.app AND operation = transfer_credits.operation;
    v_entry.app := transfer_credits.app;
    v_entry.operation := transfer_credits.operation;
    v_entry.nonce := transfer_credits.nonce;
    v_entry.amount := -ledger_core.within_amounts(transfer_credits.amount);
    v_entry.amount_defaulted := FALSE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := transfer_credits.metadata;
    v_entry.spender := transfer_credits.spender;
    v_entry.peer_owner_id := transfer_credits.to_owner_id;
    RETURN QUERY SELECT * FROM ledger_core.transfer(v_entry, transfer_credits.amount);
END
$$;

COMMENT ON FUNCTION ledger.transfer_credits IS
'Moves credits from one owner to another, both sides or none, and returns the entries: first the sender''s, which has the nonce and is
negative, then the receiver''s, one for all credits with the same expiry, class and use, which stay as they were. replayed is
true if the same request had transferred them before.
operation: one of the app''s set that is defined with transferable => true; its floor, budgets and claim limit are the sender''s.
amount: a positive number of whole units, within the operation''s bounds (which are those of the debit). metadata: kept on both sides.
spender: who of the sender''s members it is for. Credits that are for some operations or apps go over only if the operation and
app may use them. ledger.reverse_entry takes the transfer back by its nonce, on both sides together.
Raises LG001, LG002, LG101, LG102, LG103, LG201, LG301, LG302, LG303 if one of the accounts is frozen, LG307, LG309 for an operation
that transfers nothing, LG310 for owners of two partitions, LG311, LG401.';
