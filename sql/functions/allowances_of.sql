CREATE OR REPLACE FUNCTION ledger.allowances_of(owner_id text, asset text DEFAULT 'CREDIT')
RETURNS SETOF ledger.allowance
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := ledger_core.clock();
BEGIN
    PERFORM ledger_core.check_known_account(allowances_of.owner_id, allowances_of.asset);
    RETURN QUERY
    SELECT one.*
    FROM ledger.allowances
    INNER JOIN ledger.accounts ON allowances.owner_id = accounts.owner_id AND allowances.asset = accounts.asset
    -- As the next write will find it
    LEFT JOIN LATERAL (
        SELECT rewound.occurrence, rewound.due_at
        FROM ledger_core.rewound(allowances, v_now) AS rewound
        WHERE accounts.frozen_at IS NULL AND ledger_core.was_ahead(accounts.last_entry_at, v_now)
    ) AS rewound ON TRUE
    CROSS JOIN LATERAL ledger_core.as_allowance(
        CASE
            WHEN rewound.occurrence IS NULL THEN allowances
            ELSE jsonb_populate_record(allowances, jsonb_build_object(
                'next_occurrence', rewound.occurrence, 'next_at', rewound.due_at
            ))
        END,
        v_now, accounts.frozen_at IS NOT NULL, NULL
    ) AS one
    WHERE allowances.owner_id = allowances_of.owner_id AND allowances.asset = allowances_of.asset
        AND accounts.owner_id = allowances_of.owner_id
    ORDER BY one.next_at NULLS LAST, one.app, one.nonce
    LIMIT ledger_core.max_page();
END
$$;

COMMENT ON FUNCTION ledger.allowances_of IS
'The allowances of an account as of this microsecond, the next to come first, then those from which nothing comes any more: at
most 1000.
status: open; suspended while the account is frozen; ended if nothing will come any more. next_at: when credits come next; null
if they do not. No rows for an unknown owner. Raises LG001.';
