-- The operations that every app has.
-- depends: 0004_claims_lots_and_holds 0005_operator_actions

INSERT INTO ledger.operations
(operation, shared, default_amount, min_amount, max_amount, claim_limit, claim_period, claim_scope, claim_time_zone, description)
VALUES
('DAILY_REWARD', TRUE, 1, 1, 1, 1, 'day', 'owner', 'UTC', 'Reward for a visit, once a day in all apps together'),
('SIGNUP_CREDIT', TRUE, 3, 3, 3, 1, 'ever', 'owner', 'UTC', 'Welcome credit, once in a life'),
('CREDIT_SPEND', TRUE, -1, -1000000000, -1, NULL, NULL, NULL, NULL, 'Credits spent by their owner'),
('CREDIT_ADD', TRUE, 10, 1, 1000000000, NULL, NULL, NULL, NULL, 'Credits bought or granted');

INSERT INTO ledger.operation_changes (changed_by, change, operation, rule)
SELECT
    current_user AS changed_by,
    'defined' AS change,
    operations.operation,
    to_jsonb(operations) - 'operation' AS rule
FROM ledger.operations
WHERE operations.operation IN ('DAILY_REWARD', 'SIGNUP_CREDIT', 'CREDIT_SPEND', 'CREDIT_ADD');
