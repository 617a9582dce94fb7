-- A note of a load says where it went, for the same run may load elsewhere later; and which part of its source it read.
CREATE TABLE loads (
    load_id TEXT NOT NULL,
    target TEXT NOT NULL,
    run TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    output TEXT NOT NULL,
    dataset TEXT NOT NULL,
    rows BIGINT NOT NULL,
    checksum TEXT NOT NULL,
    span TEXT NOT NULL,
    loaded_at TEXT NOT NULL,
    PRIMARY KEY (load_id, target)
);
INSERT INTO loads (load_id, target, run, pipeline, output, dataset, rows, checksum, span, loaded_at)
    SELECT load_id, '', run, pipeline, output, dataset, rows, checksum, '', loaded_at FROM ledger;
DROP TABLE ledger;
ALTER TABLE loads RENAME TO ledger;
CREATE INDEX ledger_of_pipeline ON ledger (pipeline, loaded_at);
