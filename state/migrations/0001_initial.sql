CREATE TABLE schema_version (version INTEGER NOT NULL);

INSERT INTO schema_version (version) VALUES (0);

CREATE TABLE channel (
    id INTEGER NOT NULL,
    account VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    active BOOLEAN NOT NULL,
    "plan" VARCHAR NOT NULL,
    held_at INTEGER,
    hold_code VARCHAR NOT NULL,
    hold_message VARCHAR NOT NULL,
    paused_until INTEGER,
    paused_at INTEGER,
    pace_per_second FLOAT,
    pace_burst INTEGER,
    pace_factor FLOAT DEFAULT 1 NOT NULL,
    pushed_at INTEGER,
    PRIMARY KEY (id),
    UNIQUE (account)
);

CREATE TABLE meta (
    "key" VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE source (
    id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    active BOOLEAN NOT NULL,
    read_at INTEGER,
    data_at INTEGER,
    failing_since INTEGER,
    failure VARCHAR NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (name)
);

CREATE TABLE channel_location (
    channel_id INTEGER NOT NULL,
    location VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
    PRIMARY KEY (channel_id, location),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
);

CREATE TABLE channel_source (
    channel_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    PRIMARY KEY (channel_id, source_id),
    FOREIGN KEY(channel_id) REFERENCES channel (id),
    FOREIGN KEY(source_id) REFERENCES source (id)
);

CREATE TABLE failure (
    channel_id INTEGER NOT NULL,
    sku VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    code VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    first_failed_at INTEGER NOT NULL,
    last_failed_at INTEGER NOT NULL,
    PRIMARY KEY (channel_id, sku, warehouse),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
)
 WITHOUT ROWID;

CREATE TABLE import (
    id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    contents VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    at INTEGER NOT NULL,
    data_at INTEGER NOT NULL,
    sha256 VARCHAR NOT NULL,
    format VARCHAR NOT NULL,
    rows INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    bad INTEGER NOT NULL,
    blank INTEGER NOT NULL,
    negative INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    zeroed INTEGER NOT NULL,
    units_after INTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    claimed VARCHAR NOT NULL,
    approved_at INTEGER,
    PRIMARY KEY (id),
    FOREIGN KEY(source_id) REFERENCES source (id)
);

CREATE INDEX import_by_source ON import (source_id, state);

CREATE TABLE listing (
    channel_id INTEGER NOT NULL,
    sku VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
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
    changed INTEGER GENERATED ALWAYS AS (uncertain <> 0 OR confirmed IS NULL OR desired <> confirmed) VIRTUAL,
    due INTEGER GENERATED ALWAYS AS (attempt_id IS NULL AND CASE WHEN refusal IS NULL THEN changed OR reassert_at IS NOT NULL ELSE not_before IS NOT NULL END) VIRTUAL,
    wait_until INTEGER GENERATED ALWAYS AS (CASE WHEN changed OR refusal IS NOT NULL THEN not_before ELSE reassert_at END) VIRTUAL,
    risk INTEGER GENERATED ALWAYS AS (CASE WHEN refusal IS NOT NULL OR NOT changed THEN 3 WHEN desired = 0 AND may_show > 0 THEN 0 WHEN desired < may_show THEN 1 WHEN confirmed IS NULL OR desired > confirmed THEN 2 ELSE 3 END) VIRTUAL,
    PRIMARY KEY (channel_id, sku, warehouse),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
)
 WITHOUT ROWID;

CREATE INDEX listing_in_flight ON listing (channel_id, attempt_id) WHERE attempt_id IS NOT NULL;

CREATE INDEX listing_ready ON listing (channel_id, warehouse, risk, changed_at) WHERE due = 1 AND wait_until IS NULL;

CREATE INDEX listing_refused ON listing (channel_id, warehouse) WHERE refusal IS NOT NULL;

CREATE INDEX listing_repeated ON listing (channel_id, reassert_at) WHERE reassert_at IS NOT NULL;

CREATE INDEX listing_waiting ON listing (channel_id, warehouse, risk, wait_until) WHERE due = 1 AND wait_until IS NOT NULL;

CREATE TABLE push (
    id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    rows INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    "deferred" INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    status INTEGER,
    code VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    request_id VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
);

CREATE INDEX push_by_channel ON push (channel_id, id);

CREATE TABLE stock (
    sku VARCHAR NOT NULL,
    location VARCHAR NOT NULL,
    source_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    import_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    missed INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (sku, location),
    FOREIGN KEY(source_id) REFERENCES source (id)
)
 WITHOUT ROWID;

CREATE TABLE warehouse_hold (
    channel_id INTEGER NOT NULL,
    warehouse VARCHAR NOT NULL,
    held_at INTEGER NOT NULL,
    probe_at INTEGER NOT NULL,
    code VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    PRIMARY KEY (channel_id, warehouse),
    FOREIGN KEY(channel_id) REFERENCES channel (id)
);

CREATE TABLE attempt (
    id INTEGER NOT NULL,
    push_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    sku VARCHAR NOT NULL,
    warehouse VARCHAR NOT NULL,
    quantity INTEGER NOT NULL,
    was_uncertain INTEGER NOT NULL,
    could_show INTEGER NOT NULL,
    outcome VARCHAR,
    code VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(push_id) REFERENCES push (id)
);

CREATE INDEX attempt_by_listing ON attempt (channel_id, sku);

CREATE INDEX attempt_by_push ON attempt (push_id);
