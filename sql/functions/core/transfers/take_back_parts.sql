-- requires: dropped/0.1_answers
CREATE OR REPLACE FUNCTION ledger_core.take_back_parts(
    reversal ledger.entries, original_seq bigint, peer ledger_core.account_state
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_available bigint := peer.balance - peer.held;
    v_part record;
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    v_entry.owner_id := reversal.peer_owner_id;
    v_entry.asset := reversal.asset;
    v_entry.app := reversal.app;
    v_entry.operation := reversal.operation;
    v_entry.amount_defaulted := FALSE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.frees_claim := FALSE;
    v_entry.metadata := reversal.metadata;
    v_entry.peer_owner_id := reversal.owner_id;
    v_entry.peer_seq := reversal.seq;
    v_entry.recorded_at := reversal.recorded_at;
    FOR v_part IN
        SELECT shares.part_seq AS seq, shares.share, row_number() OVER (ORDER BY shares.part_seq DESC) AS number
        FROM ledger_core.shares_of_parts(
            reversal.owner_id, reversal.asset, original_seq, reversal.amount
        ) AS shares
        ORDER BY number
    LOOP
        v_entry.nonce := ledger_core.nonce_of_part(reversal.nonce, v_part.number);
        v_entry.amount := -v_part.share;
        v_entry.reverses_seq := v_part.seq;
        v_recorded := ledger_core.write_entry(v_entry);
        PERFORM ledger_core.reverse_grant(
            v_entry.owner_id, v_entry.asset, v_recorded.seq, v_part.seq, -v_entry.amount, v_available
        );
        v_available := v_available + v_entry.amount;
    END LOOP;
    PERFORM ledger_core.note_next_due(v_entry.owner_id, v_entry.asset);
END
$$;

COMMENT ON FUNCTION ledger_core.take_back_parts IS
'Takes back from the receiver of a transfer, whose locked, settled account is peer and covers it, what its reversal returns to the
sender. reversal: the sender''s entry, which is recorded; original_seq: that of the transfer.';
