-- Attributes that composite types have beyond those of the migration that made them. A function that makes a row of a type
-- must know all of its attributes, so they are added in the transaction that replaces the functions.
DO $$
DECLARE
    v_added record;
BEGIN
    FOR v_added IN
        SELECT added.type_name, added.attribute, added.data_type
        FROM (VALUES
            ('entry', 'spender', 'text'),
            ('entry', 'quantity', 'bigint'),
            ('entry', 'overdrawn', 'boolean'),
            ('recorded_entry', 'spender', 'text'),
            ('recorded_entry', 'quantity', 'bigint'),
            ('recorded_entry', 'overdrawn', 'boolean'),
            ('batch_result', 'spender', 'text'),
            ('batch_result', 'quantity', 'bigint'),
            ('batch_result', 'overdrawn', 'boolean'),
            ('feed_entry', 'spender', 'text'),
            ('feed_entry', 'quantity', 'bigint'),
            ('feed_entry', 'overdrawn', 'boolean'),
            ('hold', 'spender', 'text'),
            ('hold', 'quantity', 'bigint')
        ) AS added (type_name, attribute, data_type)
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_attribute
            WHERE pg_attribute.attrelid = ('ledger.' || added.type_name)::regclass
                AND pg_attribute.attname = added.attribute
        )
    LOOP
        EXECUTE format(
            'ALTER TYPE ledger.%I ADD ATTRIBUTE %I %s', v_added.type_name, v_added.attribute, v_added.data_type
        );
    END LOOP;
END
$$;
