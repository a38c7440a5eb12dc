-- requires: functions/core/lots/spending_order, functions/core/lots/is_usable
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.usable_lots(
    owner_id text, asset text, app text, operation text, most bigint, available bigint
)
RETURNS TABLE (lot_seq bigint, free bigint, is_usable boolean, amount bigint)
LANGUAGE sql
STABLE
AS $$
SELECT
    ordered.seq,
    ordered.free,
    ordered.is_usable,
    CASE WHEN ordered.is_usable THEN greatest(0, least(
        ordered.free,
        usable_lots.most - ordered.up_to + ordered.free
        -- Credits in no lot come before.
        - CASE
            WHEN ordered.priority > ledger_core.plain_priority() THEN greatest(0, usable_lots.available - (
                SELECT sum(lots.remaining - lots.held)::bigint
                FROM ledger.lots
                WHERE lots.owner_id = usable_lots.owner_id AND lots.asset = usable_lots.asset AND lots.remaining > 0
            ))
            ELSE 0
        END
    )) ELSE 0 END
FROM (
    SELECT
        open.*,
        (sum(open.free) FILTER (WHERE open.is_usable) OVER (ORDER BY open.place, open.seq))::bigint AS up_to
    FROM (
        SELECT
            lots.seq,
            lots.remaining - lots.held AS free,
            lots.priority,
            ledger_core.is_usable(lots.usable_for, lots.usable_in, usable_lots.operation, usable_lots.app) AS is_usable,
            ledger_core.spending_order(
                lots.priority, lots.expires_at, lots.usable_for, lots.usable_in, lots.credit_class
            ) AS place
        FROM ledger.lots
        WHERE lots.owner_id = usable_lots.owner_id AND lots.asset = usable_lots.asset
            AND lots.remaining > 0 AND lots.remaining > lots.held
    ) AS open
) AS ordered
$$;

COMMENT ON FUNCTION ledger_core.usable_lots IS
'The lots of a locked, settled account with something that no hold reserves (free), and the amount of each that a spend of most
by the operation and app takes (null: by any), in ledger_core.spending_order. available: balance less held of the account
before it.';
