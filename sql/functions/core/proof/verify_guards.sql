-- A dropped trigger or index leaves no trace in the tables, so this function lists what must exist. A test drops every
-- trigger and unique index to see that it is listed.
CREATE OR REPLACE FUNCTION ledger_core.verify_guards()
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_distributed boolean := EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus');
BEGIN
    RETURN QUERY
    SELECT
        'trigger missing or switched off', needed.found_in, NULL, NULL, NULL::bigint,
        jsonb_build_object('function', needed.function, 'on', needed.on_events)
    FROM (
        SELECT
            tables.name AS found_in,
            'ledger_core.' || guards.function AS function,
            guards.on_events,
            guards.bits
        FROM (
            VALUES
            -- As in pg_trigger.tgtype: row 1, before 2, insert 4, delete 8, update 16, truncate 32.
            ('{accounts,allowances,holds,lots}', 'refuse_change', 'delete or truncate', 2 + 8 + 32),
            (
                '{allowance_entries,allowance_events,entries,hold_events,hold_growths,lot_movements,nonces,operation_changes,'
                'operator_actions}', 'refuse_change',
                'update, delete or truncate', 2 + 8 + 16 + 32
            ),
            ('{claims}', 'refuse_change', 'update or truncate', 2 + 16 + 32),
            (
                '{apps,operations,app_operations,claim_reservations,budgets,budget_definitions}', 'refuse_change', 'truncate',
                2 + 32
            ),
            ('{apps,operations,app_operations}', 'guard_catalogue', 'update or delete', 1 + 2 + 8 + 16),
            ('{apps,operations,app_operations}', 'serialize_catalogue', 'insert, update or delete', 2 + 4 + 8 + 16),
            ('{apps,operations}', 'check_operation_sets', 'insert or update', 1 + 4 + 16),
            ('{app_operations}', 'check_operation_sets', 'insert, update or delete', 1 + 4 + 8 + 16)
        ) AS guards (tables, function, on_events, bits)
        CROSS JOIN unnest(guards.tables::text []) AS tables (name)
    ) AS needed
    WHERE NOT EXISTS (
        SELECT 1 FROM pg_trigger AS triggers
        WHERE triggers.tgrelid = coalesce(to_regclass('ledger.' || needed.found_in), to_regclass('ledger_core.' || needed.found_in))
            AND triggers.tgfoid = to_regproc(needed.function)
            AND triggers.tgtype & needed.bits = needed.bits
            AND triggers.tgenabled = 'A' AND triggers.tgqual IS NULL AND cardinality(triggers.tgattr::smallint []) = 0
    );

    -- Citus requires the owner, by which tables are distributed, in every unique key.
    RETURN QUERY
    SELECT
        'unique index missing', needed.found_in, NULL, NULL, NULL::bigint, jsonb_build_object('columns', needed.columns)
    FROM (
        VALUES
        ('accounts', '{owner_id,asset}'::name []),
        ('entries', '{owner_id,asset,seq}'),
        ('entries', '{app,nonce}'),
        ('nonces', '{app,nonce}'),
        ('claim_reservations', '{owner_id,app,nonce}'),
        ('claim_reservations', '{app,nonce}'),
        ('claims', '{operation,subject_kind,subject,scope_app,period_start,slot}'),
        ('lots', '{owner_id,asset,seq}'),
        ('lot_movements', '{owner_id,asset,seq,lot_seq}'),
        ('holds', '{owner_id,app,nonce}'),
        ('holds', '{app,nonce}'),
        ('hold_lots', '{owner_id,app,hold_nonce,lot_seq}'),
        ('hold_growths', '{owner_id,app,nonce}'),
        ('hold_growths', '{app,nonce}'),
        ('operator_actions', '{owner_id,asset,action_seq}'),
        ('hold_events', '{owner_id,asset,event_seq}'),
        ('operation_changes', '{change_id}'),
        ('apps', '{app}'),
        ('operations', '{operation}'),
        ('app_operations', '{app,operation}'),
        ('app_roles', '{role_name,app}'),
        ('allowances', '{owner_id,app,nonce}'),
        ('allowances', '{app,nonce}'),
        ('allowance_entries', '{owner_id,asset,seq}'),
        ('allowance_events', '{owner_id,asset,event_seq}'),
        ('allowance_events', '{app,nonce}'),
        ('budget_definitions', '{asset,budget,spender}'),
        ('budgets', '{owner_id,asset,budget,spender}'),
        ('budget_use', '{owner_id,asset,budget,spender}')
    ) AS needed (found_in, columns)
    WHERE NOT EXISTS (
        SELECT 1
        FROM pg_index AS indexes
        CROSS JOIN LATERAL (
            SELECT array_agg(attributes.attname) AS names
            FROM pg_attribute AS attributes
            WHERE attributes.attrelid = indexes.indrelid AND attributes.attnum = ANY (indexes.indkey::smallint [])
        ) AS indexed
        WHERE indexes.indrelid = coalesce(to_regclass('ledger.' || needed.found_in), to_regclass('ledger_core.' || needed.found_in))
            AND indexes.indisunique AND indexes.indisvalid AND indexes.indimmediate
            AND indexes.indpred IS NULL AND indexes.indexprs IS NULL
            AND needed.columns <@ indexed.names
            AND indexed.names <@ CASE WHEN v_distributed THEN needed.columns || 'owner_id'::name ELSE needed.columns END
    );
END
$$;

COMMENT ON FUNCTION ledger_core.verify_guards IS
'Triggers and unique indexes on which the books rely and that are missing, disabled or changed.';
