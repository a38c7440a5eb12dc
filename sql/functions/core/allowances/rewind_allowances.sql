-- requires: functions/core/allowances/rewound
CREATE OR REPLACE FUNCTION ledger_core.rewind_allowances(owner_id text, asset text, now timestamptz)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    UPDATE ledger.allowances
    SET next_occurrence = rewound.occurrence, next_at = rewound.due_at
    FROM (
        SELECT kept.app, kept.nonce, found.occurrence, found.due_at
        FROM ledger.allowances AS kept
        CROSS JOIN LATERAL ledger_core.rewound(kept, rewind_allowances.now) AS found
        WHERE kept.owner_id = rewind_allowances.owner_id AND kept.asset = rewind_allowances.asset
    ) AS rewound
    WHERE allowances.owner_id = rewind_allowances.owner_id AND allowances.app = rewound.app
        AND allowances.nonce = rewound.nonce;
    IF FOUND THEN
        PERFORM ledger_core.note_next_due(rewind_allowances.owner_id, rewind_allowances.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.rewind_allowances IS
'Lets the allowances of a locked account go on from now, after the clock was ahead, as ledger_core.rewound says.';
