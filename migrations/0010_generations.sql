-- The journal of the catalogue also keeps the generations of transaction ids: see ledger.generations.
-- depends: 0009_comments_on_hashes

ALTER TABLE ledger.operation_changes DROP CONSTRAINT operation_changes_change_known;

ALTER TABLE ledger.operation_changes ADD CONSTRAINT operation_changes_change_known CHECK (
    CASE
        WHEN change IN ('defined', 'retired') THEN operation IS NOT NULL AND num_nonnulls(app, role_name) = 0
        WHEN change = 'allowed' THEN num_nulls(operation, app) = 0 AND role_name IS NULL
        WHEN change = 'registered' THEN app IS NOT NULL AND num_nonnulls(operation, role_name) = 0
        WHEN change IN ('bound', 'unbound') THEN num_nulls(app, role_name) = 0 AND operation IS NULL
        WHEN change = 'generation' THEN num_nonnulls(operation, app, role_name) = 0
        ELSE FALSE
    END
);

COMMENT ON TABLE ledger.operation_changes IS 'Every change of the catalogue, with time, role and the rule as it stood afterwards, so that the price of any day can be looked up: of operations (app is null), of an app''s own bounds for one, of apps (registered) and of the logins that may record for them (bound, unbound); and the generations of transaction ids (generation). Append only.';

-- A dump and a subscription take this along: a difference tells that the ledger has come from another server.
CREATE TABLE ledger_core.home (
    system_identifier bigint NOT NULL
);

COMMENT ON TABLE ledger_core.home IS 'The server on which the current generation of transaction ids was begun, as pg_control_system() identifies it. No row where the provider hides that.';

DO $$
BEGIN
    INSERT INTO ledger_core.home SELECT system_identifier FROM pg_control_system();
EXCEPTION
    WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
        NULL;
END
$$;
