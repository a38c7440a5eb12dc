-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.refused_item(
    "position" integer, reason text, request ledger.entries, account ledger_core.account_state
)
RETURNS ledger.batch_row
LANGUAGE plpgsql
STABLE
AS $$
DECLARE
    v_sqlstate text;
    v_message text;
    v_detail text;
    v_hint text;
BEGIN
    CASE reason
        WHEN 'address' THEN
            PERFORM ledger_core.check_addressable('owner_id', request.owner_id);
        WHEN 'partition' THEN
            PERFORM ledger_core.check_partition(request.owner_id);
        WHEN 'nonce' THEN
            PERFORM ledger_core.refuse_nonce(request.app, request.nonce);
        WHEN 'frozen' THEN
            PERFORM ledger_core.refuse_frozen(request.owner_id, request.asset, account.frozen_at);
        WHEN 'expiry' THEN
            PERFORM ledger_core.check_expiry(request.expires_at, request.amount, account.now);
        WHEN 'floor' THEN
            PERFORM ledger_core.check_available(
                request.owner_id, request.asset, account, -request.amount, request.app, request.operation
            );
        WHEN 'most' THEN
            PERFORM ledger_core.refuse_max_balance(request.amount);
        WHEN 'reservation' THEN
            PERFORM ledger_core.check_reservation(request.operation, request.claim_subject, NULL);
        ELSE -- the side whose claim limit is reached
            PERFORM ledger_core.refuse_claim(request.operation, reason, account.now);
    END CASE;
    RAISE serialization_failure USING MESSAGE = 'Nothing refuses an item of a batch that was found to be refused.';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            v_sqlstate = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT;
        IF v_sqlstate NOT LIKE 'LG%' THEN
            RAISE;
        END IF;
        RETURN ledger_core.batch_refusal("position", v_sqlstate, v_message, v_detail, v_hint);
END
$$;

COMMENT ON FUNCTION ledger_core.refused_item IS
'The result of an item that ledger_core.record_mixed_batch has found to be refused, by the check that a single call makes.
reason: address, partition, nonce, frozen, expiry, floor, most, reservation, or the claim limit that is reached: owner or claim_subject.
account: the account as the items before leave it.';
