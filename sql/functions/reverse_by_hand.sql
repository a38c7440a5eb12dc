-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger.reverse_by_hand(
    app text,
    nonce text,
    original_nonce text,
    actor text,
    reason text,
    amount bigint DEFAULT NULL,
    free_claim boolean DEFAULT FALSE
)
RETURNS ledger.recorded_row
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_recorded ledger.recorded_row;
BEGIN
    PERFORM ledger_core.check_key('app', reverse_by_hand.app);
    PERFORM ledger_core.check_nonce(reverse_by_hand.app, reverse_by_hand.nonce);
    PERFORM ledger_core.check_key('original_nonce', reverse_by_hand.original_nonce);
    PERFORM ledger_core.check_actor(reverse_by_hand.actor, reverse_by_hand.reason);
    IF reverse_by_hand.app = 'ledger' THEN
        PERFORM ledger_core.refuse(
            'invalid_request',
            jsonb_build_object('field', 'app', 'reason', 'must not be the ledger itself'),
            'Take an adjustment back with another one; an expiry cannot be reversed.'
        );
    END IF;
    v_recorded := ledger_core.take_back(
        reverse_by_hand.app, reverse_by_hand.nonce, reverse_by_hand.original_nonce, reverse_by_hand.amount,
        jsonb_build_object('actor', reverse_by_hand.actor, 'reason', reverse_by_hand.reason), reverse_by_hand.free_claim, TRUE
    );
    IF NOT v_recorded.replayed THEN
        PERFORM ledger_core.journal_action(
            v_recorded.owner_id, v_recorded.asset, 'reverse_entry', reverse_by_hand.actor, reverse_by_hand.reason,
            v_recorded.recorded_at, v_recorded.seq,
            jsonb_build_object('balance', v_recorded.balance - v_recorded.amount),
            jsonb_build_object('balance', v_recorded.balance)
        );
    END IF;
    RETURN v_recorded;
END
$$;

COMMENT ON FUNCTION ledger.reverse_by_hand IS
'Takes back an entry of an app by hand, as ledger.reverse_entry does for the app itself, and returns the REVERSAL; also on a
frozen account. It belongs to the app, as the original does.
nonce: unique among those of the app; a repeated request is a replay. original_nonce: of the entry to reverse, not itself a
reversal. actor: the person who decides; reason: why; both are kept in the entry and in ledger.operator_actions.
amount: how much of it to take back, a positive number of whole units; null takes back all that is left.
free_claim: lets a wholly reversed claim be claimed again. For operators.
Raises LG001, LG002, LG104, LG201, LG301, LG305, LG308.';
