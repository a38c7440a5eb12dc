-- What gives credits a life: claim limits, lots that expire, holds.
-- depends: 0003_accounts_and_entries

CREATE TABLE ledger.claims (
    operation text COLLATE "C" NOT NULL,
    subject_kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    scope_app text COLLATE "C" NOT NULL,
    period_start timestamp NOT NULL,
    slot integer NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT claims_pkey PRIMARY KEY (operation, subject_kind, subject, scope_app, period_start, slot),
    CONSTRAINT claims_subject_kind_known CHECK (subject_kind IN ('owner', 'claim_subject')),
    CONSTRAINT claims_slot_positive CHECK (slot > 0)
);

COMMENT ON TABLE ledger.claims IS 'Slots taken of the claim limits: the primary key is what enforces a limit, whoever races.';

COMMENT ON COLUMN ledger.claims.subject IS 'The owner, or the claim_subject of the request (a hashed e-mail, a device), which is limited over all owners.';

COMMENT ON COLUMN ledger.claims.scope_app IS 'The app, or empty if the limit counts over all apps.';

COMMENT ON COLUMN ledger.claims.period_start IS 'Local start of the day, week or month in the operation''s time zone; -infinity for "ever".';

COMMENT ON COLUMN ledger.claims.seq IS 'The entry that took the slot, with owner_id and asset.';

CREATE INDEX claims_entry_idx ON ledger.claims (owner_id, asset, seq);

CREATE TABLE ledger.lots (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    amount bigint NOT NULL,
    remaining bigint NOT NULL,
    held bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    CONSTRAINT lots_pkey PRIMARY KEY (owner_id, asset, seq),
    CONSTRAINT lots_amount_positive CHECK (amount > 0),
    CONSTRAINT lots_remaining_within_amount CHECK (remaining BETWEEN 0 AND amount),
    CONSTRAINT lots_held_within_remaining CHECK (held BETWEEN 0 AND remaining)
) WITH (fillfactor = 70);

COMMENT ON TABLE ledger.lots IS 'Credits that expire: one row per entry that granted them, with what is left of it.';

COMMENT ON COLUMN ledger.lots.seq IS 'The entry that granted the credits.';

COMMENT ON COLUMN ledger.lots.held IS 'Part of remaining that open holds reserve; it does not expire until they end.';

CREATE INDEX lots_left_idx ON ledger.lots (owner_id, asset, expires_at, seq) WHERE remaining > 0;

CREATE TABLE ledger.lot_movements (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    lot_seq bigint NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT lot_movements_pkey PRIMARY KEY (owner_id, asset, seq, lot_seq),
    CONSTRAINT lot_movements_amount_not_zero CHECK (amount <> 0)
);

COMMENT ON TABLE ledger.lot_movements IS 'Which entry took how much of which lot. Append only.';

COMMENT ON COLUMN ledger.lot_movements.seq IS 'The entry that moved the credits.';

COMMENT ON COLUMN ledger.lot_movements.lot_seq IS 'The lot, named by the entry that granted it.';

COMMENT ON COLUMN ledger.lot_movements.amount IS 'Taken from the lot; negative: given back to it by a reversal.';

CREATE TABLE ledger.holds (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    captured bigint NOT NULL DEFAULT 0,
    status text COLLATE "C" NOT NULL DEFAULT 'open',
    placed_at timestamptz NOT NULL,
    expires_in interval NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    metadata jsonb,
    CONSTRAINT holds_pkey PRIMARY KEY (owner_id, app, nonce),
    CONSTRAINT holds_nonce_once_per_app UNIQUE (app, nonce),
    CONSTRAINT holds_amount_positive CHECK (amount > 0),
    CONSTRAINT holds_captured_within_amount CHECK (captured BETWEEN 0 AND amount),
    CONSTRAINT holds_status_known CHECK (status IN ('open', 'captured', 'released', 'expired')),
    CONSTRAINT holds_closed_once CHECK ((status = 'open') = (closed_at IS NULL))
) WITH (fillfactor = 70);

COMMENT ON TABLE ledger.holds IS 'Reservations of credits, open or ended. What an open hold reserves is amount less captured.';

COMMENT ON COLUMN ledger.holds.amount IS 'What was reserved, as a positive number.';

COMMENT ON COLUMN ledger.holds.expires_in IS 'As the request asked: a retry must ask for the same.';

COMMENT ON COLUMN ledger.holds.status IS 'open; or how it ended: captured, released (nothing or only a part captured), expired.';

CREATE INDEX holds_open_idx ON ledger.holds (owner_id, asset, expires_at) WHERE status = 'open';

CREATE INDEX holds_placed_idx ON ledger.holds (owner_id, asset, placed_at);

CREATE TABLE ledger.hold_lots (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    hold_nonce text COLLATE "C" NOT NULL,
    lot_seq bigint NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT hold_lots_pkey PRIMARY KEY (owner_id, app, hold_nonce, lot_seq),
    CONSTRAINT hold_lots_amount_positive CHECK (amount > 0)
);

COMMENT ON TABLE ledger.hold_lots IS 'Which lots an open hold reserves, and how much of each; its other credits do not expire. Rows go when the hold ends.';

CREATE TYPE ledger.hold AS (
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
    replayed boolean
);

COMMENT ON TYPE ledger.hold IS 'A hold as callers see it; remaining is what it still reserves, replayed tells that an earlier call had done what was asked.';
