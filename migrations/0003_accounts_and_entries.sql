-- Accounts, and the entries that make them up.
-- Text keys are COLLATE "C": comparing bytes is markedly cheaper than comparing by language.
-- depends: 0002_catalogue

CREATE TABLE ledger.accounts (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    balance bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    min_balance bigint NOT NULL DEFAULT 0,
    last_seq bigint NOT NULL DEFAULT 0,
    last_entry_at timestamptz NOT NULL DEFAULT '-infinity',
    next_due_at timestamptz NOT NULL DEFAULT 'infinity',
    frozen_at timestamptz,
    head_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    CONSTRAINT accounts_pkey PRIMARY KEY (owner_id, asset),
    CONSTRAINT accounts_owner_id_length CHECK (length(owner_id) BETWEEN 1 AND 255),
    CONSTRAINT accounts_balance_exact_in_json CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
    CONSTRAINT accounts_held_not_negative CHECK (held >= 0),
    CONSTRAINT accounts_min_balance_not_positive CHECK (min_balance BETWEEN -9007199254740991 AND 0),
    CONSTRAINT accounts_not_overspent CHECK (balance - held >= min_balance)
) WITH (fillfactor = 50);

COMMENT ON TABLE ledger.accounts IS 'One owner''s balance in one asset, as of the last entry; ledger.account_balances shows it as of now. Pages are kept half empty so that a change stays within its page.';

COMMENT ON COLUMN ledger.accounts.balance IS 'Sum of the account''s entries.';

COMMENT ON COLUMN ledger.accounts.held IS 'What open holds reserve.';

COMMENT ON COLUMN ledger.accounts.min_balance IS 'Floor of balance less held; below zero it is an overdraft granted by an operator.';

COMMENT ON COLUMN ledger.accounts.next_due_at IS 'When the next hold or lot ends. Infinity: the account has neither, and takes the fast path.';

COMMENT ON COLUMN ledger.accounts.head_hash IS 'Hash of the last entry; 32 zero bytes before the first.';

CREATE TYPE ledger_core.account_state AS (
    balance bigint,
    held bigint,
    min_balance bigint,
    last_seq bigint,
    next_due_at timestamptz,
    frozen_at timestamptz,
    now timestamptz
);

COMMENT ON TYPE ledger_core.account_state IS 'An account under its lock, with everything due settled; now is the time read under the lock.';

CREATE INDEX accounts_due_idx ON ledger.accounts (next_due_at) WHERE next_due_at < 'infinity';

CREATE SEQUENCE ledger_core.entry_ids AS bigint;

COMMENT ON SEQUENCE ledger_core.entry_ids IS 'Source of entry_id: unique, but it says nothing about order.';

CREATE TABLE ledger.entries (
    seq bigint NOT NULL,
    entry_id bigint NOT NULL,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    xact_id xid8 NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    amount_defaulted boolean NOT NULL,
    expiry_defaulted boolean NOT NULL,
    metadata jsonb,
    expires_at timestamptz,
    claim_subject text COLLATE "C",
    hold_nonce text COLLATE "C",
    hold_final boolean,
    reverses_seq bigint,
    frees_claim boolean,
    CONSTRAINT entries_pkey PRIMARY KEY (owner_id, asset, seq),
    CONSTRAINT entries_nonce_once_per_app UNIQUE (app, nonce),
    CONSTRAINT entries_seq_positive CHECK (seq > 0),
    CONSTRAINT entries_amount_exact_in_json CHECK (amount BETWEEN -9007199254740991 AND 9007199254740991)
);

COMMENT ON TABLE ledger.entries IS 'Every change of every account, numbered per account without gaps. Append only. There are no foreign keys: they would make each insert lock the same catalogue rows; only the functions can write here, and they check.';

COMMENT ON COLUMN ledger.entries.seq IS 'Position within the account: 1, 2, 3 … in commit order.';

COMMENT ON COLUMN ledger.entries.entry_id IS 'Unique number of the entry; it says nothing about order.';

COMMENT ON COLUMN ledger.entries.xact_id IS 'Transaction that recorded the entry: the order of the change feed.';

COMMENT ON COLUMN ledger.entries.hash IS 'SHA-256 over the previous entry''s hash and this entry; see ledger_core.entry_bytes.';

COMMENT ON COLUMN ledger.entries.amount_defaulted IS 'True: the request named no amount and took the default of that time.';

COMMENT ON COLUMN ledger.entries.expiry_defaulted IS 'True: expires_at came from the operation and not from the request.';

COMMENT ON COLUMN ledger.entries.expires_at IS 'When the credits of this entry expire; null: never.';

COMMENT ON COLUMN ledger.entries.hold_nonce IS 'The hold (of the same app) that this entry captured from.';

COMMENT ON COLUMN ledger.entries.hold_final IS 'True: the capture closed its hold and gave back the rest.';

COMMENT ON COLUMN ledger.entries.reverses_seq IS 'The entry of the same account that this one reverses, wholly or in part.';

COMMENT ON COLUMN ledger.entries.frees_claim IS 'True: the reversal gave back the claims of what it reverses.';

CREATE INDEX entries_xact_id_idx ON ledger.entries (xact_id);

CREATE INDEX entries_reverses_idx ON ledger.entries (owner_id, asset, reverses_seq) WHERE reverses_seq IS NOT NULL;

CREATE TYPE ledger.entry AS (
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
    recorded_at timestamptz
);

COMMENT ON TYPE ledger.entry IS 'An entry as callers see it; balance is the account''s balance after it.';

CREATE TYPE ledger.recorded_entry AS (
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
    replayed boolean
);

COMMENT ON TYPE ledger.recorded_entry IS 'The answer of a function that records: the entry, and replayed: true if an earlier call had recorded it.';

CREATE TYPE ledger.batch_result AS (
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
    hint text
);

COMMENT ON TYPE ledger.batch_result IS 'What became of one item of a batch: the entry, or the code, message, detail and hint of its refusal.';

CREATE TYPE ledger.feed_entry AS (
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
    recorded_at timestamptz
);

COMMENT ON TYPE ledger.feed_entry IS 'An entry of the change feed, with the cursor that stands behind it.';

CREATE TYPE ledger.discrepancy AS (
    problem text,
    found_in text,
    owner_id text,
    asset text,
    seq bigint,
    detail jsonb
);

COMMENT ON TYPE ledger.discrepancy IS 'Something that the books should not contain: what is wrong, in which table, on which account and entry, and the values.';
