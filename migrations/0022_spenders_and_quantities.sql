-- Entries say who of an owner's members spends, how much was used, and at which price.
-- depends: 0021_no_check_of_hold_events

ALTER TABLE ledger.entries
ADD COLUMN spender text COLLATE "C",
ADD COLUMN quantity bigint,
ADD COLUMN unit_amount bigint,
ADD COLUMN unit_size bigint,
ADD COLUMN rounding text COLLATE "C",
ADD COLUMN overdrawn boolean;

-- What calls answer, with these. Other types than those of release 0.1, whose calls may be under way when the functions are
-- replaced.
CREATE TYPE ledger.entry_row AS (
    entry_id bigint,
    seq bigint,
    owner_id text,
    asset text,
    app text,
    operation text,
    amount bigint,
    balance bigint,
    nonce text,
    metadata jsonb,
    expires_at timestamptz,
    hold_nonce text,
    reverses_seq bigint,
    recorded_at timestamptz,
    spender text,
    quantity bigint,
    overdrawn boolean
);

CREATE TYPE ledger.recorded_row AS (
    entry_id bigint,
    seq bigint,
    owner_id text,
    asset text,
    app text,
    operation text,
    amount bigint,
    balance bigint,
    nonce text,
    metadata jsonb,
    expires_at timestamptz,
    hold_nonce text,
    reverses_seq bigint,
    recorded_at timestamptz,
    replayed boolean,
    spender text,
    quantity bigint,
    overdrawn boolean
);

CREATE TYPE ledger.batch_row AS (
    "position" integer,
    entry_id bigint,
    seq bigint,
    owner_id text,
    asset text,
    app text,
    operation text,
    amount bigint,
    balance bigint,
    nonce text,
    metadata jsonb,
    expires_at timestamptz,
    hold_nonce text,
    reverses_seq bigint,
    recorded_at timestamptz,
    replayed boolean,
    code text,
    message text,
    detail jsonb,
    hint text,
    spender text,
    quantity bigint,
    overdrawn boolean
);

CREATE TYPE ledger.feed_row AS (
    "cursor" text,
    entry_id bigint,
    seq bigint,
    owner_id text,
    asset text,
    app text,
    operation text,
    amount bigint,
    balance bigint,
    nonce text,
    metadata jsonb,
    expires_at timestamptz,
    hold_nonce text,
    reverses_seq bigint,
    recorded_at timestamptz,
    spender text,
    quantity bigint,
    overdrawn boolean
);

CREATE TYPE ledger.hold_row AS (
    owner_id text,
    asset text,
    app text,
    operation text,
    nonce text,
    amount bigint,
    captured bigint,
    remaining bigint,
    status text,
    placed_at timestamptz,
    expires_at timestamptz,
    closed_at timestamptz,
    metadata jsonb,
    replayed boolean,
    spender text,
    quantity bigint
);
