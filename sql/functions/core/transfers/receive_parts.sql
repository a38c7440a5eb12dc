-- requires: dropped/0.1_answers
-- requires: functions/core/lots/makes_lot, functions/core/lots/spent_of_lots
CREATE OR REPLACE FUNCTION ledger_core.receive_parts(sent ledger.entries)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_part record;
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    v_entry.owner_id := sent.peer_owner_id;
    v_entry.asset := sent.asset;
    v_entry.app := sent.app;
    v_entry.operation := sent.operation;
    v_entry.amount_defaulted := FALSE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.metadata := sent.metadata;
    v_entry.peer_owner_id := sent.owner_id;
    v_entry.peer_seq := sent.seq;
    v_entry.recorded_at := sent.recorded_at;
    FOR v_part IN
        WITH kinds AS (
            SELECT
                lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in,
                sum(taken.amount)::bigint AS amount, min(taken.lot_seq) AS first_seq,
                (array_agg(taken.place))[1] AS place, bool_or(taken.is_late) AS is_late
            FROM ledger_core.spent_of_lots(sent.owner_id, sent.asset, sent.seq) AS taken
            INNER JOIN ledger.lots ON taken.lot_seq = lots.seq
            WHERE lots.owner_id = sent.owner_id AND lots.asset = sent.asset
            GROUP BY lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in
        )

        -- In the order in which they were spent, so that the last are taken back first
        SELECT
            parts.*,
            row_number() OVER (ORDER BY parts.is_late, parts.place NULLS LAST, parts.first_seq) AS number
        FROM (
            SELECT * FROM kinds
            UNION ALL
            -- From credits in no lot
            SELECT
                NULL, NULL, NULL, NULL, NULL, -sent.amount - coalesce(sum(kinds.amount), 0)::bigint, NULL, NULL, FALSE
            FROM kinds
        ) AS parts
        WHERE parts.amount > 0
        ORDER BY number
    LOOP
        IF v_part.number > ledger_core.max_transfer_parts() THEN
            PERFORM ledger_core.refuse(
                'invalid_request',
                jsonb_build_object(
                    'field', CASE sent.app WHEN 'ledger' THEN 'from_owner_id' ELSE 'amount' END,
                    'reason', format('takes credits of more than %s expiries and uses', ledger_core.max_transfer_parts())
                ),
                CASE WHEN sent.app <> 'ledger' THEN 'Transfer less at once.' END
            );
        END IF;
        v_entry.nonce := ledger_core.nonce_of_part(sent.nonce, v_part.number);
        v_entry.amount := v_part.amount;
        v_entry.expires_at := v_part.expires_at;
        v_entry.credit_class := v_part.credit_class;
        v_entry.priority := v_part.priority;
        v_entry.usable_for := v_part.usable_for;
        v_entry.usable_in := v_part.usable_in;
        v_recorded := ledger_core.write_entry(v_entry);
        IF ledger_core.makes_lot(v_entry) THEN
            v_entry.seq := v_recorded.seq;
            v_entry.balance_after := v_recorded.balance;
            PERFORM ledger_core.grant_lot(v_entry);
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger_core.receive_parts IS
'Records on the locked, settled account of the receiver what a transfer brings: an entry for all credits with the same expiry, class
and use, which stay as they were. sent: the sender''s entry, which is recorded. Raises LG001 if these are too many, LG002.';
