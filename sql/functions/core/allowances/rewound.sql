-- requires: functions/core/allowances/boundary, functions/core/allowances/is_granted
-- requires: functions/core/allowances/next_ungranted, functions/core/allowances/occurrence_at
CREATE OR REPLACE FUNCTION ledger_core.rewound(allowance ledger.allowances, now timestamptz)
RETURNS TABLE (occurrence integer, due_at timestamptz)
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    occurrence := ledger_core.next_ungranted(allowance, ledger_core.occurrence_at(allowance, now) + 1);
    due_at := CASE
        WHEN ledger_core.is_granted(allowance, occurrence) THEN ledger_core.boundary(allowance, occurrence)
        ELSE 'infinity'
    END;
    -- It went on, or was over, by the clock that was ahead.
    IF allowance.next_occurrence > occurrence OR (allowance.next_at = 'infinity' AND due_at < 'infinity') THEN
        RETURN NEXT;
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.rewound IS
'From which period on an allowance of an account that is not frozen goes on, and when that begins, after the clock was ahead; no
row if that has not changed it. Periods of which credits have come already do not come again.';
