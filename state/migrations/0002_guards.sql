ALTER TABLE source ADD COLUMN trusted_at INTEGER;

ALTER TABLE import ADD COLUMN known INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE import ADD COLUMN new INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE import ADD COLUMN up INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE import ADD COLUMN down INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE import ADD COLUMN newly_missing INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE import ADD COLUMN units_before INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE import ADD COLUMN decreased INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE import ADD COLUMN held_at INTEGER;

ALTER TABLE import ADD COLUMN notes VARCHAR DEFAULT '' NOT NULL;

CREATE INDEX import_applied ON import (source_id, at) WHERE state = 'applied';

ALTER TABLE stock ADD COLUMN zeroed_at INTEGER;

ALTER TABLE stock ADD COLUMN missing_at INTEGER;

CREATE INDEX stock_zeroed ON stock (source_id, zeroed_at) WHERE zeroed_at IS NOT NULL;

CREATE INDEX stock_missing ON stock (source_id, missing_at) WHERE missing_at IS NOT NULL;

CREATE TABLE import_change (
    import_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sku VARCHAR NOT NULL,
    location VARCHAR NOT NULL,
    "before" INTEGER,
    "after" INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    PRIMARY KEY (import_id, position),
    FOREIGN KEY(import_id) REFERENCES import (id)
);
