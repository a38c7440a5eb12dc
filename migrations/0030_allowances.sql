-- Allowances: standing orders by which credits come at the beginning of every period.
-- depends: 0029_journals_of_budgets

CREATE TABLE ledger.allowances (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    period text COLLATE "C",
    time_zone text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL,
    carry_over_most bigint NOT NULL,
    carry_over_for integer NOT NULL,
    occurrences integer,
    ends_at timestamptz,
    expires_after interval,
    metadata jsonb,
    credit_class text COLLATE "C",
    priority integer,
    usable_for text [] COLLATE "C",
    usable_in text [] COLLATE "C",
    next_occurrence integer NOT NULL,
    next_at timestamptz NOT NULL,
    CONSTRAINT allowances_pkey PRIMARY KEY (owner_id, app, nonce),
    CONSTRAINT allowances_nonce_once_per_app UNIQUE (app, nonce),
    CONSTRAINT allowances_period_known CHECK (period IN ('day', 'week', 'month', 'quarter', 'year')),
    CONSTRAINT allowances_amount_positive CHECK (amount BETWEEN 1 AND 9007199254740991)
) WITH (fillfactor = 70);

COMMENT ON TABLE ledger.allowances IS 'Standing orders: credits that come to an owner at the beginning of every period. ledger.allowances_of shows them as of now.';

CREATE INDEX allowances_next_idx ON ledger.allowances (owner_id, asset, next_at) WHERE next_at < 'infinity';

CREATE TABLE ledger.allowance_entries (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    app text COLLATE "C" NOT NULL,
    allowance_nonce text COLLATE "C" NOT NULL,
    occurrence integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    CONSTRAINT allowance_entries_pkey PRIMARY KEY (owner_id, asset, seq),
    CONSTRAINT allowance_entries_kind_known CHECK (kind IN ('granted', 'raised', 'carried_over'))
);

COMMENT ON TABLE ledger.allowance_entries IS 'Which entries come from allowances. Append only.';

CREATE INDEX allowance_entries_occurrence_idx ON ledger.allowance_entries (owner_id, app, allowance_nonce, occurrence);

CREATE TABLE ledger.allowance_events (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    event_seq bigint NOT NULL,
    app text COLLATE "C" NOT NULL,
    allowance_nonce text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    happened_at timestamptz NOT NULL,
    nonce text COLLATE "C",
    request jsonb NOT NULL,
    allowance jsonb NOT NULL,
    after_seq bigint NOT NULL,
    seq bigint,
    role_name text NOT NULL,
    xact_id xid8 NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT allowance_events_pkey PRIMARY KEY (owner_id, asset, event_seq),
    CONSTRAINT allowance_events_event_known CHECK (event IN ('granted', 'changed', 'ended'))
);

COMMENT ON TABLE ledger.allowance_events IS 'What was asked of allowances: that they be granted, changed and ended, with what they were afterwards. Append only.';

CREATE INDEX allowance_events_of_allowance_idx ON ledger.allowance_events (owner_id, app, allowance_nonce);

CREATE UNIQUE INDEX allowance_events_nonce_once ON ledger.allowance_events (app, nonce);

CREATE TYPE ledger.allowance AS (
    owner_id text,
    asset text,
    app text,
    operation text,
    nonce text,
    amount bigint,
    period text,
    time_zone text,
    starts_at timestamptz,
    carry_over_most bigint,
    carry_over_for integer,
    occurrences integer,
    ends_at timestamptz,
    metadata jsonb,
    status text,
    next_at timestamptz,
    replayed boolean
);

COMMENT ON TYPE ledger.allowance IS 'An allowance as callers see it. status: open, suspended (the account is frozen) or ended. next_at: when its next credits come; null if none will.';

ALTER TABLE ledger.operations
DROP CONSTRAINT operations_name_not_reserved,
ADD CONSTRAINT operations_name_not_reserved CHECK (
    operation NOT IN ('ADJUSTMENT', 'CARRY_OVER', 'EXPIRY', 'FORFEITURE', 'REVERSAL')
) NOT VALID;
