-- How often a run was done: one that had succeeded and begins again counts on.
ALTER TABLE runs ADD COLUMN attempt BIGINT NOT NULL DEFAULT 1;

-- Who is at work on what. A row that its holder no longer touches is nobody's.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    touched_at TEXT NOT NULL
);
