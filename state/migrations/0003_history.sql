CREATE TABLE past_level (
    id INTEGER NOT NULL,
    sku VARCHAR NOT NULL,
    location VARCHAR NOT NULL,
    source_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    import_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX past_level_by_sku ON past_level (sku, location);

ALTER TABLE attempt ADD COLUMN changed_at INTEGER;

ALTER TABLE push ADD COLUMN waited_rows INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE push ADD COLUMN waited_total INTEGER DEFAULT 0 NOT NULL;

ALTER TABLE push ADD COLUMN waited_most INTEGER DEFAULT 0 NOT NULL;
