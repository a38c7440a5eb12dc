-- The owners that this ledger keeps, where it is one of several partitions.
-- depends: 0013_finding_entries

CREATE TABLE ledger_core.kept_buckets (
    is_only boolean NOT NULL DEFAULT TRUE,
    partition_name text COLLATE "C" NOT NULL,
    buckets integer NOT NULL,
    kept int4multirange NOT NULL,
    CONSTRAINT kept_buckets_pkey PRIMARY KEY (is_only),
    CONSTRAINT kept_buckets_only_row CHECK (is_only),
    CONSTRAINT kept_buckets_name CHECK (partition_name ~ '^[a-z][a-z0-9_]{0,39}$'),
    CONSTRAINT kept_buckets_power_of_two CHECK (buckets BETWEEN 1 AND 65536 AND buckets & (buckets - 1) = 0),
    CONSTRAINT kept_buckets_within CHECK (NOT isempty(kept) AND kept <@ int4multirange(int4range(0, buckets)))
);

COMMENT ON TABLE ledger_core.kept_buckets IS 'The partition that this ledger is, in one row. No row where it is no partition and keeps every owner.';
COMMENT ON COLUMN ledger_core.kept_buckets.is_only IS 'True: there is one row at most.';
COMMENT ON COLUMN ledger_core.kept_buckets.partition_name IS 'The name of the partition in the file of the cluster.';
COMMENT ON COLUMN ledger_core.kept_buckets.buckets IS 'The number of buckets of the whole cluster, a power of two.';
COMMENT ON COLUMN ledger_core.kept_buckets.kept IS 'The buckets that this partition keeps.';
