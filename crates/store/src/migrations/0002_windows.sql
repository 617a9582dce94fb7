-- What an incremental run of an output reads. One window is open at a time.
CREATE TABLE windows (
    seq {identity},
    pipeline TEXT NOT NULL,
    output TEXT NOT NULL,
    run TEXT NOT NULL,
    plan TEXT NOT NULL,
    low TEXT,
    high TEXT,
    state TEXT NOT NULL,
    touched_at TEXT NOT NULL,
    UNIQUE (pipeline, output, run)
);
CREATE UNIQUE INDEX one_open_window ON windows (pipeline, output) WHERE state = 'open';
