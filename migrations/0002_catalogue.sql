-- The catalogue: apps, operations, which app has which operation, who may act for which app.
-- depends: 0001_schemas

CREATE TABLE ledger.apps (
    app text COLLATE "C" NOT NULL,
    description text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT apps_pkey PRIMARY KEY (app),
    CONSTRAINT apps_name_well_formed CHECK (app ~ '^[a-z][a-z0-9_]{0,62}$' AND app <> 'ledger')
);

COMMENT ON TABLE ledger.apps IS 'Applications that may record operations. "ledger" is reserved: the app of entries that the ledger itself records.';

CREATE TABLE ledger.operations (
    operation text COLLATE "C" NOT NULL,
    shared boolean NOT NULL,
    asset text COLLATE "C" NOT NULL DEFAULT 'CREDIT',
    default_amount bigint,
    min_amount bigint NOT NULL,
    max_amount bigint NOT NULL,
    claim_limit integer,
    claim_period text,
    claim_scope text,
    claim_time_zone text,
    expires_after interval,
    description text NOT NULL,
    retired_at timestamptz,
    CONSTRAINT operations_pkey PRIMARY KEY (operation),
    CONSTRAINT operations_name_well_formed CHECK (operation ~ '^[A-Z][A-Z0-9_]{0,62}$'),
    CONSTRAINT operations_name_not_reserved CHECK (operation NOT IN ('ADJUSTMENT', 'EXPIRY', 'REVERSAL')),
    CONSTRAINT operations_asset_well_formed CHECK (asset ~ '^[A-Z][A-Z0-9_]{0,62}$'),
    CONSTRAINT operations_bounds_ordered CHECK (min_amount <= max_amount),
    CONSTRAINT operations_credit_or_debit CHECK (min_amount >= 0 OR max_amount <= 0),
    CONSTRAINT operations_bounds_exact_in_json CHECK (
        min_amount >= -9007199254740991 AND max_amount <= 9007199254740991
    ),
    CONSTRAINT operations_default_within_bounds CHECK (default_amount BETWEEN min_amount AND max_amount),
    CONSTRAINT operations_claim_limit_positive CHECK (claim_limit BETWEEN 1 AND 1000),
    CONSTRAINT operations_claim_period_known CHECK (claim_period IN ('ever', 'day', 'week', 'month')),
    CONSTRAINT operations_claim_scope_known CHECK (claim_scope IN ('owner', 'owner_and_app')),
    CONSTRAINT operations_claim_rule_whole CHECK (num_nulls(claim_limit, claim_period, claim_scope, claim_time_zone) IN (0, 4)),
    CONSTRAINT operations_expiry_of_credits_only CHECK (
        expires_after IS NULL OR (expires_after > interval '0' AND max_amount > 0)
    ),
    CONSTRAINT operations_shared_not_retired CHECK (NOT (shared AND retired_at IS NOT NULL))
);

COMMENT ON TABLE ledger.operations IS 'Named kinds of change with their rules. Amounts are signed whole units of the asset: a credit is positive, a debit negative. Written only through ledger.define_operation and ledger.retire_operation.';

COMMENT ON COLUMN ledger.operations.shared IS 'True: every app has this operation; triggers check it at commit.';

COMMENT ON COLUMN ledger.operations.default_amount IS 'Amount of a request that names none; null: such a request is refused.';

COMMENT ON COLUMN ledger.operations.claim_limit IS 'How often one owner (and one claim_subject) may record the operation within claim_period; null: no limit.';

COMMENT ON COLUMN ledger.operations.claim_scope IS 'owner: counted over all apps; owner_and_app: counted for each app by itself.';

COMMENT ON COLUMN ledger.operations.claim_time_zone IS 'IANA name of the zone in which days, weeks (from Monday) and months begin.';

COMMENT ON COLUMN ledger.operations.expires_after IS 'Life of the credits that the operation grants, added in UTC; null: they do not expire.';

COMMENT ON COLUMN ledger.operations.retired_at IS 'Since when no new entry may use the operation.';

CREATE TABLE ledger.app_operations (
    app text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    default_amount bigint,
    min_amount bigint,
    max_amount bigint,
    CONSTRAINT app_operations_pkey PRIMARY KEY (app, operation),
    CONSTRAINT app_operations_app_fkey FOREIGN KEY (app) REFERENCES ledger.apps (app),
    CONSTRAINT app_operations_operation_fkey FOREIGN KEY (operation) REFERENCES ledger.operations (operation)
);

COMMENT ON TABLE ledger.app_operations IS 'The set of operations of each app. Null columns take the value of the operation; others narrow it for this app. Read the effective rules in ledger.operation_sets.';

CREATE TABLE ledger.operation_changes (
    change_id bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    change text NOT NULL,
    operation text COLLATE "C" NOT NULL,
    app text COLLATE "C",
    rule jsonb NOT NULL,
    xact_id xid8 NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT operation_changes_pkey PRIMARY KEY (change_id),
    CONSTRAINT operation_changes_change_known CHECK (change IN ('defined', 'allowed', 'retired'))
);

COMMENT ON TABLE ledger.operation_changes IS 'Every change of an operation (app is null) or of an app''s own bounds for it, with time, role and the rule as it stood afterwards: the price of any day can be looked up. Append only.';

COMMENT ON COLUMN ledger.operation_changes.change_id IS 'Position in the journal: 1, 2, 3 … in commit order.';

COMMENT ON COLUMN ledger.operation_changes.xact_id IS 'Transaction that wrote the line: a checkpoint covers what is older than its horizon.';

COMMENT ON COLUMN ledger.operation_changes.hash IS 'SHA-256 over the hash of the line before and this line; see ledger_core.change_bytes.';

CREATE INDEX operation_changes_operation_idx ON ledger.operation_changes (operation, changed_at);

CREATE TABLE ledger.app_roles (
    role_name text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    bound_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT app_roles_pkey PRIMARY KEY (role_name, app),
    CONSTRAINT app_roles_app_fkey FOREIGN KEY (app) REFERENCES ledger.apps (app)
);

COMMENT ON TABLE ledger.app_roles IS 'Which login role may record for which app; written by ledger.bind_role. The owner of the ledger may act for every app.';
