CREATE TABLE alert (
    kind VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    details VARCHAR NOT NULL,
    since INTEGER NOT NULL,
    raised_at INTEGER NOT NULL,
    told_at INTEGER NOT NULL,
    calm INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
);

CREATE TABLE alert_notice (
    id INTEGER NOT NULL,
    recipient VARCHAR NOT NULL,
    event INTEGER NOT NULL,
    change VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    details VARCHAR NOT NULL,
    since INTEGER NOT NULL,
    at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (id)
);
