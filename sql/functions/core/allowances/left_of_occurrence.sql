CREATE OR REPLACE FUNCTION ledger_core.left_of_occurrence(
    allowance ledger.allowances, occurrence integer, at timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN (
        SELECT coalesce(sum(lots.remaining - lots.held + coalesce(freed.amount, 0)), 0)
        FROM ledger.allowance_entries AS made
        INNER JOIN ledger.lots
            ON made.owner_id = lots.owner_id AND made.asset = lots.asset AND made.seq = lots.seq
        LEFT JOIN LATERAL (
            SELECT sum(hold_lots.amount) AS amount
            FROM ledger.hold_lots
            INNER JOIN ledger.holds
                ON hold_lots.owner_id = holds.owner_id AND hold_lots.app = holds.app
                AND hold_lots.hold_nonce = holds.nonce
            WHERE hold_lots.owner_id = lots.owner_id AND hold_lots.asset = lots.asset AND hold_lots.lot_seq = lots.seq
                AND holds.owner_id = lots.owner_id AND holds.status = 'open'
                AND holds.expires_at <= left_of_occurrence.at
        ) AS freed ON TRUE
        WHERE made.owner_id = allowance.owner_id AND made.asset = allowance.asset AND made.app = allowance.app
            AND made.allowance_nonce = allowance.nonce AND made.occurrence = left_of_occurrence.occurrence
            AND made.kind IN ('granted', 'raised')
            AND lots.owner_id = allowance.owner_id AND lots.expires_at = left_of_occurrence.at
    );
END
$$;

COMMENT ON FUNCTION ledger_core.left_of_occurrence IS
'What is left of the credits of a period of an allowance when they expire at the given time, without what holds go on to
reserve.';
