-- Budgets: the most that may be spent and held in a period of the calendar.
-- depends: 0022_spenders_and_quantities

CREATE SEQUENCE ledger_core.budget_use_ids AS bigint;

COMMENT ON SEQUENCE ledger_core.budget_use_ids IS 'Source of budget_definitions.use_id.';

CREATE TABLE ledger.budget_definitions (
    asset text COLLATE "C" NOT NULL,
    budget text COLLATE "C" NOT NULL,
    spender text COLLATE "C" NOT NULL,
    most bigint NOT NULL,
    period text COLLATE "C" NOT NULL,
    app text COLLATE "C",
    operation text COLLATE "C",
    time_zone text COLLATE "C" NOT NULL,
    use_id bigint NOT NULL,
    CONSTRAINT budget_definitions_pkey PRIMARY KEY (asset, budget, spender),
    CONSTRAINT budget_definitions_most_exact_in_json CHECK (most BETWEEN 0 AND 9007199254740991),
    CONSTRAINT budget_definitions_period_known CHECK (period IN ('ever', 'day', 'week', 'month'))
);

COMMENT ON TABLE ledger.budget_definitions IS 'Budgets of every owner. An owner''s own budget of the same name (ledger.budgets) replaces them.';

CREATE TABLE ledger_core.budget_version (
    version bigint NOT NULL
);

COMMENT ON TABLE ledger_core.budget_version IS 'One row: how often budgets of everybody have changed. budget_use says which version it knows.';

INSERT INTO ledger_core.budget_version (version) VALUES (1);

CREATE TABLE ledger.budgets (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    budget text COLLATE "C" NOT NULL,
    spender text COLLATE "C" NOT NULL,
    most bigint NOT NULL,
    period text COLLATE "C" NOT NULL,
    app text COLLATE "C",
    operation text COLLATE "C",
    time_zone text COLLATE "C" NOT NULL,
    CONSTRAINT budgets_pkey PRIMARY KEY (owner_id, asset, budget, spender),
    CONSTRAINT budgets_most_exact_in_json CHECK (most BETWEEN 0 AND 9007199254740991),
    CONSTRAINT budgets_period_known CHECK (period IN ('ever', 'day', 'week', 'month'))
);

COMMENT ON TABLE ledger.budgets IS 'Budgets of single owners: the most that may be spent and held in a period.';

CREATE TABLE ledger.budget_use (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    budget text COLLATE "C" NOT NULL,
    spender text COLLATE "C" NOT NULL,
    use_id bigint NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    spent bigint NOT NULL,
    held bigint NOT NULL,
    version bigint,
    only_most bigint,
    only_app text COLLATE "C",
    only_operation text COLLATE "C",
    CONSTRAINT budget_use_pkey PRIMARY KEY (owner_id, asset, budget, spender)
) WITH (fillfactor = 50);

COMMENT ON TABLE ledger.budget_use IS 'How far budgets were used up in the period in which they were used last. Made from the entries and holds when a period is first used, and then kept up.';

ALTER TABLE ledger.accounts ADD COLUMN has_budgets boolean NOT NULL DEFAULT FALSE;

CREATE TYPE ledger.budget AS (
    owner_id text,
    asset text,
    budget text,
    spender text,
    most bigint,
    period text,
    app text,
    operation text,
    time_zone text,
    own boolean,
    spent bigint,
    held bigint,
    period_start timestamptz,
    resets_at timestamptz
);

COMMENT ON TYPE ledger.budget IS 'A budget as callers see it, with what was used of it in its present period.';
