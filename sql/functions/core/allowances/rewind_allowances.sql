-- requires: functions/core/allowances/boundary, functions/core/allowances/is_granted
-- requires: functions/core/allowances/next_ungranted, functions/core/allowances/occurrence_at
CREATE OR REPLACE FUNCTION ledger_core.rewind_allowances(owner_id text, asset text, now timestamptz)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE ledger.allowances
    SET
        next_occurrence = rewound.occurrence,
        next_at = CASE
            WHEN ledger_core.is_granted(allowances, rewound.occurrence)
                THEN ledger_core.boundary(allowances, rewound.occurrence)
            ELSE 'infinity'
        END
    FROM (
        SELECT
            kept.app, kept.nonce,
            ledger_core.next_ungranted(kept, ledger_core.occurrence_at(kept, rewind_allowances.now) + 1) AS occurrence
        FROM ledger.allowances AS kept
        WHERE kept.owner_id = rewind_allowances.owner_id AND kept.asset = rewind_allowances.asset
    ) AS rewound
    WHERE allowances.owner_id = rewind_allowances.owner_id AND allowances.app = rewound.app
        AND allowances.nonce = rewound.nonce
        AND (
            allowances.next_occurrence > rewound.occurrence
            -- It was over by the clock that was ahead.
            OR (allowances.next_at = 'infinity' AND ledger_core.is_granted(allowances, rewound.occurrence))
        );
    IF FOUND THEN
        PERFORM ledger_core.note_next_due(rewind_allowances.owner_id, rewind_allowances.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.rewind_allowances IS
'Lets the allowances of a locked account go on from now, after the clock was ahead. Periods of which credits have come already
do not come again.';
