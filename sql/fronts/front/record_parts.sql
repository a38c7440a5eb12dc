CREATE FUNCTION ledger_front.record_parts(
    numbers integer [],
    caller text,
    lock_timeout text,
    dry boolean,
    app text,
    positions text [],
    parts jsonb [],
    atomic boolean
)
RETURNS SETOF text
LANGUAGE plproxy
AS $$
    CLUSTER 'ledger';
    SPLIT numbers, positions, parts;
    RUN ON numbers;
    SELECT * FROM ledger_door.record_part(
        caller::text, lock_timeout::text, dry::boolean, app::text, positions::text [], parts::jsonb [], atomic::boolean
    );
$$;

COMMENT ON FUNCTION ledger_front.record_parts IS
'Sends each partition, by its number, its part of a batch, side by side; the answers of all, one after the other.';
