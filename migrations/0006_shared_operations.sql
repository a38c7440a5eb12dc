-- The operations that every app has.
-- depends: 0004_claims_lots_and_holds 0005_operator_actions

INSERT INTO ledger.operations
(operation, shared, default_amount, min_amount, max_amount, claim_limit, claim_period, claim_scope, claim_time_zone, description)
VALUES
('DAILY_REWARD', TRUE, 1, 1, 1, 1, 'day', 'owner', 'UTC', 'Reward for a visit, once a day in all apps together'),
('SIGNUP_CREDIT', TRUE, 3, 3, 3, 1, 'ever', 'owner', 'UTC', 'Welcome credit, once in a life'),
('CREDIT_SPEND', TRUE, -1, -1000000000, -1, NULL, NULL, NULL, NULL, 'Credits spent by their owner'),
('CREDIT_ADD', TRUE, 10, 1, 1000000000, NULL, NULL, NULL, NULL, 'Credits bought or granted');

-- The first lines of the journal. The functions that write the others are not there yet: the hashes are
-- made here as ledger_core.change_bytes says.
WITH RECURSIVE lines AS (
    SELECT
        row_number() OVER (ORDER BY operations.operation) AS change_id,
        now() AS changed_at,
        current_user::text AS changed_by,
        'defined' AS change,
        operations.operation,
        to_jsonb(operations) - 'operation' AS rule,
        pg_current_xact_id() AS xact_id
    FROM ledger.operations
    WHERE operations.operation IN ('DAILY_REWARD', 'SIGNUP_CREDIT', 'CREDIT_SPEND', 'CREDIT_ADD')
),

chain AS (
    SELECT
        0::bigint AS change_id,
        decode(repeat('00', 32), 'hex') AS hash
    UNION ALL
    SELECT
        lines.change_id,
        sha256(
            chain.hash || int8send(lines.change_id) || timestamptz_send(lines.changed_at) || xid8send(lines.xact_id)
            || decode(replace(
                length(lines.change)::text || ':' || lines.change
                || ',' || length(lines.operation)::text || ':' || lines.operation
                || ',' || length(lines.changed_by)::text || ':' || lines.changed_by
                || ',' || length(lines.rule::text)::text || ':' || lines.rule::text,
                E'\\', E'\\\\'
            ), 'escape')
        ) AS hash
    FROM chain
    INNER JOIN lines ON chain.change_id + 1 = lines.change_id
)

INSERT INTO ledger.operation_changes (change_id, changed_at, changed_by, change, operation, rule, xact_id, hash)
SELECT
    lines.change_id,
    lines.changed_at,
    lines.changed_by,
    lines.change,
    lines.operation,
    lines.rule,
    lines.xact_id,
    chain.hash
FROM lines
INNER JOIN chain ON lines.change_id = chain.change_id;
