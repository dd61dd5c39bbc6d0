DROP TABLE channel_location;

DROP TABLE channel_source;

ALTER TABLE channel ADD COLUMN planned BOOLEAN DEFAULT 0 NOT NULL;

UPDATE channel SET "plan" = '';

ALTER TABLE attempt ADD COLUMN identifier VARCHAR DEFAULT '' NOT NULL;

CREATE TABLE rule (
    channel_id INTEGER NOT NULL,
    sku VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
    rank INTEGER NOT NULL,
    settings VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,
    PRIMARY KEY (channel_id, sku, warehouse, rank),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
)
 WITHOUT ROWID;

CREATE TABLE listed (
    channel_id INTEGER NOT NULL,
    sku VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
    identifier VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,
    PRIMARY KEY (channel_id, sku, warehouse, identifier),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
)
 WITHOUT ROWID;

CREATE TABLE bundle (
    channel_id INTEGER NOT NULL,
    bundle_sku VARCHAR NOT NULL,
    component_sku VARCHAR NOT NULL,
    units INTEGER NOT NULL,
    origin VARCHAR NOT NULL,
    PRIMARY KEY (channel_id, bundle_sku, component_sku),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
)
 WITHOUT ROWID;

CREATE INDEX listed_by_identifier ON listed (channel_id, identifier);

CREATE INDEX bundle_by_component ON bundle (channel_id, component_sku);

DROP INDEX listing_in_flight;

DROP INDEX listing_ready;

DROP INDEX listing_refused;

DROP INDEX listing_repeated;

DROP INDEX listing_waiting;

ALTER TABLE listing RENAME TO old_listing;

CREATE TABLE listing (
    channel_id INTEGER NOT NULL,
    identifier VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
    sku VARCHAR NOT NULL,
    desired INTEGER NOT NULL,
    confirmed INTEGER,
    confirmed_at INTEGER,
    may_show INTEGER NOT NULL,
    uncertain INTEGER DEFAULT 0 NOT NULL,
    ambiguous INTEGER DEFAULT 0 NOT NULL,
    attempt_id INTEGER,
    refusal VARCHAR,
    not_before INTEGER,
    reassert_at INTEGER,
    changed_at INTEGER NOT NULL,
    failures INTEGER DEFAULT 0 NOT NULL,
    batch_limit INTEGER,
    paused INTEGER DEFAULT 0 NOT NULL,
    changed INTEGER GENERATED ALWAYS AS (uncertain <> 0 OR confirmed IS NULL OR desired <> confirmed) VIRTUAL,
    due INTEGER GENERATED ALWAYS AS (attempt_id IS NULL AND paused = 0 AND CASE WHEN refusal IS NULL THEN changed OR reassert_at IS NOT NULL ELSE not_before IS NOT NULL END) VIRTUAL,
    wait_until INTEGER GENERATED ALWAYS AS (CASE WHEN changed OR refusal IS NOT NULL THEN not_before ELSE reassert_at END) VIRTUAL,
    risk INTEGER GENERATED ALWAYS AS (CASE WHEN refusal IS NOT NULL OR NOT changed THEN 3 WHEN desired = 0 AND may_show > 0 THEN 0 WHEN desired < may_show THEN 1 WHEN confirmed IS NULL OR desired > confirmed THEN 2 ELSE 3 END) VIRTUAL,
    PRIMARY KEY (channel_id, identifier, warehouse),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
)
 WITHOUT ROWID;

INSERT INTO listing(identifier, channel_id, sku, warehouse, desired, confirmed, confirmed_at, may_show, uncertain, ambiguous, attempt_id, refusal, not_before, reassert_at, changed_at, failures, batch_limit)
SELECT sku, channel_id, sku, warehouse, desired, confirmed, confirmed_at, may_show, uncertain, ambiguous, attempt_id, refusal, not_before, reassert_at, changed_at, failures, batch_limit FROM old_listing;

DROP TABLE old_listing;

CREATE INDEX listing_in_flight ON listing (channel_id, attempt_id) WHERE attempt_id IS NOT NULL;

CREATE INDEX listing_paused ON listing (channel_id, warehouse) WHERE paused <> 0;

CREATE INDEX listing_ready ON listing (channel_id, warehouse, risk, changed_at) WHERE due = 1 AND wait_until IS NULL;

CREATE INDEX listing_refused ON listing (channel_id, warehouse) WHERE refusal IS NOT NULL;

CREATE INDEX listing_renamed ON listing (channel_id, sku) WHERE identifier <> sku;

CREATE INDEX listing_repeated ON listing (channel_id, reassert_at) WHERE reassert_at IS NOT NULL;

CREATE INDEX listing_waiting ON listing (channel_id, warehouse, risk, wait_until) WHERE due = 1 AND wait_until IS NOT NULL;

ALTER TABLE failure RENAME TO old_failure;

CREATE TABLE failure (
    channel_id INTEGER NOT NULL,
    identifier VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
    sku VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    code VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    first_failed_at INTEGER NOT NULL,
    last_failed_at INTEGER NOT NULL,
    PRIMARY KEY (channel_id, identifier, warehouse),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
)
 WITHOUT ROWID;

INSERT INTO failure(identifier, channel_id, sku, warehouse, outcome, reason, code, message, attempts, first_failed_at, last_failed_at)
SELECT sku, channel_id, sku, warehouse, outcome, reason, code, message, attempts, first_failed_at, last_failed_at FROM old_failure;

DROP TABLE old_failure;
