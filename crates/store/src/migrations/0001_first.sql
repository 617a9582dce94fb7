-- Portable over SQLite and PostgreSQL; {identity} is the one word in which they differ.
CREATE TABLE plans (
    id TEXT PRIMARY KEY,
    pipeline TEXT NOT NULL,
    environment TEXT,
    document TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX plans_of_pipeline ON plans (pipeline, created_at);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    pipeline TEXT NOT NULL,
    plan TEXT,
    status TEXT NOT NULL,
    document TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT
);
CREATE INDEX runs_of_pipeline ON runs (pipeline, started_at);

CREATE TABLE ledger (
    load_id TEXT PRIMARY KEY,
    run TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    output TEXT NOT NULL,
    dataset TEXT NOT NULL,
    rows BIGINT NOT NULL,
    checksum TEXT NOT NULL,
    loaded_at TEXT NOT NULL
);
CREATE INDEX ledger_of_pipeline ON ledger (pipeline, loaded_at);

CREATE TABLE decisions (
    seq {identity},
    pipeline TEXT NOT NULL,
    run TEXT,
    agent TEXT NOT NULL,
    question TEXT NOT NULL,
    document TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX decisions_of_pipeline ON decisions (pipeline, seq);

CREATE TABLE events (
    seq {identity},
    run TEXT NOT NULL,
    kind TEXT NOT NULL,
    document TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX events_of_run ON events (run, seq);

CREATE TABLE catalog (
    pipeline TEXT NOT NULL,
    dataset TEXT NOT NULL,
    document TEXT NOT NULL,
    words TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    PRIMARY KEY (pipeline, dataset)
);

CREATE TABLE breakers (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at TEXT NOT NULL
);
