-- requires: functions/core/lots/spending_order
CREATE OR REPLACE FUNCTION ledger_core.give_back(
    owner_id text, asset text, seq bigint, lot_seqs bigint [], amounts bigint [], balance_after bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_amount bigint := (SELECT sum(backs.amount) FROM unnest(give_back.amounts) AS backs (amount));
    v_missing bigint;
BEGIN
    -- As in ledger_core.grant_lot
    SELECT greatest(
        coalesce(sum(lots.remaining), 0) + v_amount - give_back.balance_after,
        accounts.min_balance + accounts.held
        + coalesce(sum(lots.remaining - lots.held), 0) + v_amount - give_back.balance_after
    )
    INTO v_missing
    FROM ledger.accounts
    LEFT JOIN ledger.lots
        ON accounts.owner_id = lots.owner_id AND accounts.asset = lots.asset AND lots.remaining > 0
    WHERE accounts.owner_id = give_back.owner_id AND accounts.asset = give_back.asset
    GROUP BY accounts.min_balance, accounts.held;

    WITH shares AS (
        SELECT
            backs.lot_seq,
            backs.share,
            num_nonnulls(lots.usable_for, lots.usable_in) > 0 AS is_limited,
            coalesce(lots.priority > ledger_core.plain_priority(), FALSE) AS is_late,
            CASE WHEN lots.seq IS NOT NULL THEN ledger_core.spending_order(
                lots.priority, lots.expires_at, lots.usable_for, lots.usable_in, lots.credit_class
            ) END AS place
        FROM unnest(give_back.lot_seqs, give_back.amounts) AS backs (lot_seq, share)
        LEFT JOIN ledger.lots
            ON backs.lot_seq = lots.seq AND lots.owner_id = give_back.owner_id AND lots.asset = give_back.asset
    ),

    -- What pays off an overdraft or a debt goes to credits in no lot. What is for some operations or apps does not pay for others.
    given AS (
        SELECT
            shares.lot_seq,
            CASE
                WHEN shares.is_limited THEN shares.share
                ELSE greatest(0, least(
                    shares.share,
                    sum(shares.share) FILTER (WHERE shares.is_open) OVER ()
                    - greatest(0, v_missing - sum(shares.share) FILTER (WHERE shares.lot_seq IS NULL) OVER ())
                    - (sum(shares.share) FILTER (WHERE shares.is_open) OVER last_first) + shares.share
                ))::bigint
            END AS amount
        FROM (SELECT shares.*, NOT shares.is_limited AND shares.lot_seq IS NOT NULL AS is_open FROM shares) AS shares
        WINDOW last_first AS (
            ORDER BY shares.is_late DESC, shares.lot_seq IS NULL DESC, shares.place DESC, shares.lot_seq DESC
        )
    ),

    moved AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT give_back.owner_id, give_back.asset, give_back.seq, given.lot_seq, -given.amount
        FROM given
        WHERE given.lot_seq IS NOT NULL AND given.amount > 0
    )

    UPDATE ledger.lots
    SET remaining = remaining + given.amount
    FROM given
    WHERE lots.owner_id = give_back.owner_id AND lots.asset = give_back.asset AND lots.seq = given.lot_seq
        AND given.amount > 0;
END
$$;

COMMENT ON FUNCTION ledger_core.give_back IS
'Returns amounts for the entry seq, which is written already, to lots (lot_seqs; null: credits in no lot) that a debit took them from.
What pays off an overdraft or a debt stays in no lot.';
