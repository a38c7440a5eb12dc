-- Refused once a generation was begun: the feed and checkpoints of the older version could not read on.
DROP TABLE ledger_core.home;

ALTER TABLE ledger.operation_changes DROP CONSTRAINT operation_changes_change_known;

ALTER TABLE ledger.operation_changes ADD CONSTRAINT operation_changes_change_known CHECK (
    CASE
        WHEN change IN ('defined', 'retired') THEN operation IS NOT NULL AND num_nonnulls(app, role_name) = 0
        WHEN change = 'allowed' THEN num_nulls(operation, app) = 0 AND role_name IS NULL
        WHEN change = 'registered' THEN app IS NOT NULL AND num_nonnulls(operation, role_name) = 0
        WHEN change IN ('bound', 'unbound') THEN num_nulls(app, role_name) = 0 AND operation IS NULL
        ELSE FALSE
    END
);

COMMENT ON TABLE ledger.operation_changes IS 'Every change of the catalogue, with time, role and the rule as it stood afterwards, so that the price of any day can be looked up: of operations (app is null), of an app''s own bounds for one, of apps (registered) and of the logins that may record for them (bound, unbound). Append only.';
