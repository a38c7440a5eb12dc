-- requires: functions/core/allowances/is_granted, functions/core/allowances/next_boundary
-- requires: functions/core/allowances/occurrence_at
CREATE OR REPLACE FUNCTION ledger_core.suspend_allowances(owner_id text, asset text, suspended boolean, now timestamptz)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    IF suspend_allowances.suspended THEN
        UPDATE ledger.allowances SET next_at = 'infinity'
        WHERE owner_id = suspend_allowances.owner_id AND asset = suspend_allowances.asset AND next_at < 'infinity';
    ELSE
        -- The period that it is now comes now, unless it has come already.
        UPDATE ledger.allowances
        SET
            next_occurrence = resumed.occurrence,
            next_at = CASE
                WHEN resumed.occurrence > next_occurrence THEN suspend_allowances.now
                ELSE greatest(ledger_core.next_boundary(allowances), suspend_allowances.now)
            END
        FROM (
            SELECT
                kept.app, kept.nonce,
                greatest(kept.next_occurrence, ledger_core.occurrence_at(kept, suspend_allowances.now)) AS occurrence
            FROM ledger.allowances AS kept
            WHERE kept.owner_id = suspend_allowances.owner_id AND kept.asset = suspend_allowances.asset
        ) AS resumed
        WHERE allowances.owner_id = suspend_allowances.owner_id AND allowances.app = resumed.app
            AND allowances.nonce = resumed.nonce AND ledger_core.is_granted(allowances, resumed.occurrence);
    END IF;
    IF FOUND THEN
        PERFORM ledger_core.note_next_due(suspend_allowances.owner_id, suspend_allowances.asset);
        PERFORM ledger_core.settle(suspend_allowances.owner_id, suspend_allowances.asset, suspend_allowances.now);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.suspend_allowances IS
'Suspends the allowances of a locked, settled account, or lets them go on: then what is due now comes.';
