-- Attributes that composite types have beyond those of the migration that made them. A function that makes a row of a type
-- must know all of its attributes, so they are added in the transaction that replaces the functions.
DO $$
DECLARE
    v_added record;
BEGIN
    FOR v_added IN
        SELECT added.type_name, added.attribute, added.data_type
        FROM (VALUES
            ('ledger_core.account_state', 'debt', 'bigint')
        ) AS added (type_name, attribute, data_type)
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_attribute
            WHERE pg_attribute.attrelid = added.type_name::regclass
                AND pg_attribute.attname = added.attribute
        )
    LOOP
        EXECUTE format(
            'ALTER TYPE %s ADD ATTRIBUTE %I %s', v_added.type_name, v_added.attribute, v_added.data_type
        );
    END LOOP;
END
$$;
