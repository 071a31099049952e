-- Schema 4, which has when the parts of a run began and ended, and what was tried in vain, with rows in
-- every state. Made as schema-3.sql was: its own CREATE statements out of sqlite_schema, rows by hand.
PRAGMA application_id = 1296648018;
PRAGMA user_version = 4;
CREATE TABLE run (
    id          INTEGER PRIMARY KEY,
    job         TEXT    NOT NULL,
    fires_at    INTEGER NOT NULL,
    cause       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    source      TEXT,
    note        TEXT,
    deadline_at INTEGER,
    ended_at    INTEGER, begun_at INTEGER, params TEXT, not_before INTEGER,
    UNIQUE (job, fires_at)
  ) STRICT;
CREATE INDEX run_state ON run (state, id) WHERE state IN ('requested', 'open', 'paused');
CREATE INDEX run_deadline ON run (deadline_at)
    WHERE deadline_at IS NOT NULL AND state = 'open';
CREATE TABLE action (
    id           INTEGER PRIMARY KEY,
    run_id       INTEGER NOT NULL REFERENCES run (id),
    job          TEXT    NOT NULL,
    step         TEXT    NOT NULL,
    part         INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    signature    TEXT    NOT NULL,
    expire_at    INTEGER NOT NULL,
    send_only    INTEGER NOT NULL,
    agents_max   INTEGER,
    page_size    INTEGER,
    plugins      TEXT    NOT NULL,
    action_id    INTEGER,
    reply        BLOB,
    maybe_sent   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    next_at      INTEGER,
    result_path  TEXT,
    completeness TEXT,
    error        TEXT,
    updated_at   INTEGER NOT NULL, writing INTEGER NOT NULL DEFAULT 0, life_ms INTEGER, post_by INTEGER, posted_at INTEGER, guards TEXT, held TEXT, result_sha256 TEXT, collected_at INTEGER, tries TEXT,
    UNIQUE (run_id, step, part)
  ) STRICT;
CREATE UNIQUE INDEX action_api ON action (action_id) WHERE action_id IS NOT NULL;
CREATE INDEX action_next ON action (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX action_due ON action (state, next_at) WHERE next_at IS NOT NULL;
CREATE TABLE source (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
CREATE TABLE body (
    run_id     INTEGER PRIMARY KEY REFERENCES run (id),
    template   TEXT,
    expiry_ms  INTEGER NOT NULL,
    agents_max INTEGER,
    plugins    TEXT    NOT NULL,
    seed       INTEGER NOT NULL,
    begun_at   INTEGER NOT NULL,
    next_at    INTEGER,
    starts     INTEGER NOT NULL
  , set_at INTEGER NOT NULL DEFAULT 0, version INTEGER NOT NULL DEFAULT 1) STRICT;
CREATE INDEX body_next ON body (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE step (
    id       INTEGER PRIMARY KEY,
    run_id   INTEGER NOT NULL REFERENCES run (id),
    name     TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    value    TEXT,
    error    TEXT,
    attempts INTEGER NOT NULL,
    next_at  INTEGER,
    sequence INTEGER,
    ended_at INTEGER, tries INTEGER NOT NULL DEFAULT 0, set_at INTEGER NOT NULL DEFAULT 0, asked TEXT, answer TEXT, begun_at INTEGER,
    UNIQUE (run_id, name)
  ) STRICT;
CREATE UNIQUE INDEX step_sequence ON step (run_id, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX step_next ON step (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE delivery (
    id         INTEGER PRIMARY KEY,
    action_row INTEGER NOT NULL REFERENCES action (id),
    job        TEXT    NOT NULL,
    plugin     TEXT    NOT NULL,
    key        TEXT    NOT NULL UNIQUE,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    next_at    INTEGER,
    error      TEXT,
    updated_at INTEGER NOT NULL
  , progress TEXT, result_path TEXT, tries TEXT) STRICT;
CREATE INDEX delivery_action ON delivery (action_row);
CREATE INDEX delivery_next ON delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_open ON delivery (state, id) WHERE state IN ('pending', 'dead');
CREATE TABLE cursor (
    job        TEXT PRIMARY KEY,
    decided_at INTEGER NOT NULL,
    schedule   TEXT    NOT NULL
  , ahead_at INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE missed (
    id          INTEGER PRIMARY KEY,
    job         TEXT    NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    recorded_at INTEGER NOT NULL
  , kind TEXT NOT NULL DEFAULT 'missed') STRICT;
CREATE INDEX missed_job ON missed (job, id);
CREATE TABLE calendar (
  id           INTEGER PRIMARY KEY,
  job          TEXT    NOT NULL,
  sequence     INTEGER NOT NULL,
  hash         TEXT    NOT NULL,
  state        TEXT    NOT NULL,
  action       TEXT    NOT NULL,
  template     TEXT    NOT NULL,
  min_signers  INTEGER NOT NULL,
  signers      TEXT    NOT NULL,
  requested_at INTEGER NOT NULL,
  installed_at INTEGER NOT NULL,
  ended_at     INTEGER,
  UNIQUE (job, sequence)
) STRICT;
CREATE TABLE calendar_window (
  id           INTEGER PRIMARY KEY,
  calendar_id  INTEGER NOT NULL REFERENCES calendar (id),
  fires_at     INTEGER NOT NULL,
  valid_from   INTEGER NOT NULL,
  expire_after INTEGER NOT NULL,
  signatures   TEXT    NOT NULL,
  run_id       INTEGER UNIQUE,
  UNIQUE (calendar_id, fires_at)
) STRICT;
CREATE TABLE audit (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  actor    TEXT    NOT NULL,
  deed     TEXT    NOT NULL,
  subject  TEXT    NOT NULL,
  detail   TEXT    NOT NULL,
  previous TEXT    NOT NULL,
  hash     TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX calendar_installed ON calendar (job) WHERE state = 'installed';
CREATE TABLE state (
    id     INTEGER PRIMARY KEY,
    job    TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    run_id INTEGER,
    set_at INTEGER NOT NULL,
    UNIQUE (job, key)
  ) STRICT;
CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT NOT NULL) STRICT;
CREATE TABLE alarm (
  id        INTEGER PRIMARY KEY,
  event     TEXT    NOT NULL,
  job       TEXT    NOT NULL,
  subject   TEXT    NOT NULL,
  run_id    INTEGER,
  since     INTEGER NOT NULL,
  raised_at INTEGER NOT NULL,
  told_at   INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  message   TEXT    NOT NULL,
  hint      TEXT    NOT NULL,
  ended_at  INTEGER
) STRICT;
CREATE TABLE notice (
  id         INTEGER PRIMARY KEY,
  alarm_id   INTEGER NOT NULL REFERENCES alarm (id),
  plugin     TEXT    NOT NULL,
  body       TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  attempts   INTEGER NOT NULL,
  next_at    INTEGER,
  error      TEXT,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX alarm_open ON alarm (event, job, subject) WHERE ended_at IS NULL;
CREATE INDEX notice_next ON notice (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX notice_alarm ON notice (alarm_id);
CREATE INDEX run_fires ON run (fires_at);
CREATE INDEX run_failed ON run (fires_at) WHERE state IN ('failed', 'paused');
CREATE INDEX run_job_failed ON run (job, fires_at) WHERE state IN ('failed', 'paused');
CREATE TABLE pause (
    id       INTEGER PRIMARY KEY,
    job      TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    actor    TEXT    NOT NULL,
    why      TEXT    NOT NULL,
    ended_at INTEGER
  ) STRICT;
CREATE TABLE tally (
    id      INTEGER PRIMARY KEY,
    what    TEXT    NOT NULL,
    job     TEXT    NOT NULL,
    label   TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    last_at INTEGER,
    UNIQUE (what, job, label)
  ) STRICT;
CREATE INDEX pause_open ON pause (job) WHERE ended_at IS NULL;
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (1, 'nightly', 1000, 'schedule', 'done', NULL, NULL, NULL, 9000, 1000, NULL, NULL);
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (2, 'nightly', 2000, 'schedule', 'open', NULL, NULL, 90000, NULL, 2000, NULL, NULL);
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (3, 'nightly', 3000, 'manual', 'requested', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (4, 'weekly', 4000, 'adopted', 'open', NULL, NULL, NULL, NULL, 4000, NULL, NULL);
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (5, 'weekly', 5000, 'schedule', 'failed', NULL, 'no target', NULL, 9500, 5000, NULL, NULL);
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (6, 'hunt', 6000, 'schedule', 'open', 'hash-code', NULL, NULL, NULL, 6000, NULL, '{"sha256":"ab12"}');
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (7, 'hunt', 7000, 'schedule', 'paused', 'hash-code', 'the journal does not match', NULL, NULL, 7000, NULL, NULL);
INSERT INTO run (id, job, fires_at, cause, state, source, note, deadline_at, ended_at, begun_at, not_before, params) VALUES (8, 'weekly', 1790009000000, 'manual', 'requested', NULL, NULL, NULL, NULL, NULL, 1790009000000, NULL);
INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at, send_only, agents_max, page_size, plugins, action_id, reply, maybe_sent, attempts, next_at, result_path, completeness, error, updated_at, writing, life_ms, post_by, posted_at, guards, held) VALUES (1, 1, 'nightly', '', 0, 'settled', 'mig-runner: nightly', '', 'sig-1', 1900, 0, NULL, NULL, '["mail"]', 101, NULL, 1, 0, NULL, '/spool/101.json', '{"fetched":2,"sent":3,"statuses":{"success":2},"strays":1}', NULL, 1950, 0, 900, 1900, 1000, NULL, NULL);
INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at, send_only, agents_max, page_size, plugins, action_id, reply, maybe_sent, attempts, next_at, result_path, completeness, error, updated_at, writing, life_ms, post_by, posted_at, guards, held) VALUES (2, 2, 'nightly', '', 0, 'planned', 'mig-runner: nightly', '{"name":"mig-runner: nightly"}', 'sig-2', 2900, 0, 50, NULL, '["mail","chat"]', NULL, NULL, 1, 2, 2500, NULL, NULL, 'refused', 2450, 0, 900, 2900, NULL, NULL, NULL);
INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at, send_only, agents_max, page_size, plugins, action_id, reply, maybe_sent, attempts, next_at, result_path, completeness, error, updated_at, writing, life_ms, post_by, posted_at, guards, held) VALUES (3, 4, 'weekly', '', 0, 'collected', 'mig-runner: weekly', '', 'sig-3', 4900, 0, NULL, NULL, '["mail"]', 103, X'7B226964223A3130337D', 1, 0, NULL, '/spool/103.json', '{"fetched":1,"sent":1,"statuses":{"success":1},"strays":0}', NULL, 4950, 0, 900, 4900, 4000, NULL, NULL);
INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at, send_only, agents_max, page_size, plugins, action_id, reply, maybe_sent, attempts, next_at, result_path, completeness, error, updated_at, writing, life_ms, post_by, posted_at, guards, held) VALUES (4, 5, 'weekly', '', 0, 'failed', 'mig-runner: weekly', '', 'sig-4', 5900, 1, NULL, NULL, '[]', NULL, NULL, 0, 0, NULL, NULL, NULL, 'no target', 5950, 0, 900, 5900, NULL, NULL, NULL);
INSERT INTO action (id, run_id, job, step, part, state, name, body, signature, expire_at, send_only, agents_max, page_size, plugins, action_id, reply, maybe_sent, attempts, next_at, result_path, completeness, error, updated_at, writing, life_ms, post_by, posted_at, guards, held) VALUES (5, 6, 'hunt', 'deep', 0, 'posted', 'mig-runner: hunt/deep', '{"name":"mig-runner: hunt/deep"}', 'sig-5', 6900, 0, NULL, 10, '[]', 105, X'7B226964223A3130357D', 1, 0, 6900, NULL, NULL, NULL, 6100, 0, 900, 6900, 6000, NULL, NULL);
UPDATE action SET result_sha256 = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' WHERE id = 1;
INSERT INTO source (hash, text) VALUES ('hash-code', 'export default 1');
INSERT INTO source (hash, text) VALUES ('hash-template', '{"target":"id=1"}');
INSERT INTO body (run_id, template, expiry_ms, agents_max, plugins, seed, begun_at, next_at, starts, set_at, version) VALUES (6, 'hash-template', 300000, 9, '["mail"]', 7, 6000, NULL, 0, 6000, 2);
INSERT INTO body (run_id, template, expiry_ms, agents_max, plugins, seed, begun_at, next_at, starts, set_at, version) VALUES (7, NULL, 300000, NULL, '[]', 8, 7000, NULL, 0, 7000, 1);
INSERT INTO step (id, run_id, name, kind, digest, state, value, error, attempts, next_at, sequence, ended_at, tries, set_at) VALUES (1, 6, 'look', 'step', '', 'saved', '{"found":1}', NULL, 1, NULL, 1, 6050, 2, 0);
INSERT INTO step (id, run_id, name, kind, digest, state, value, error, attempts, next_at, sequence, ended_at, tries, set_at) VALUES (2, 6, 'deep', 'collect', 'digest', 'begun', NULL, NULL, 0, NULL, NULL, NULL, 0, 0);
INSERT INTO step (id, run_id, name, kind, digest, state, value, error, attempts, next_at, sequence, ended_at, tries, set_at) VALUES (3, 7, 'ticket', 'step', '', 'failed', NULL, 'no answer', 5, NULL, 1, 7050, 6, 0);
INSERT INTO step (id, run_id, name, kind, digest, state, value, error, attempts, next_at, sequence, ended_at, tries, set_at, asked, answer) VALUES (4, 6, 'dig', 'approval', 'digest', 'begun', NULL, NULL, 0, 9000, NULL, NULL, 0, 6100, '{"ms":2900,"show":"dig deeper","isChecked":false}', NULL);
INSERT INTO step (id, run_id, name, kind, digest, state, value, error, attempts, next_at, sequence, ended_at, tries, set_at, asked, answer) VALUES (5, 6, 'number', 'wait', 'digest', 'saved', '7', NULL, 0, NULL, 2, 6090, 0, 6060, '{"ms":2900,"show":null,"isChecked":false}', '{"by":"ann","why":null,"at":6090}');
INSERT INTO delivery (id, action_row, job, plugin, key, state, attempts, next_at, error, updated_at, progress, result_path) VALUES (1, 1, 'nightly', 'mail', 'nightly/101/mail', 'delivered', 0, NULL, NULL, 1950, NULL, NULL);
INSERT INTO delivery (id, action_row, job, plugin, key, state, attempts, next_at, error, updated_at, progress, result_path) VALUES (2, 3, 'weekly', 'mail', 'weekly/103/mail', 'pending', 3, 5000, 'exit status 3', 4990, '{"next":500}', NULL);
INSERT INTO delivery (id, action_row, job, plugin, key, state, attempts, next_at, error, updated_at, progress, result_path) VALUES (3, 1, 'nightly', 'chat', 'nightly/101/chat', 'dropped', 30, NULL, 'exit status 1', 1960, NULL, NULL);
INSERT INTO cursor (job, decided_at, schedule, ahead_at) VALUES ('nightly', 3000, '0 * * * * Europe/Berlin', 9000);
INSERT INTO cursor (job, decided_at, schedule, ahead_at) VALUES ('weekly', 5000, '@weekly', 9000);
INSERT INTO missed (id, job, first_at, last_at, count, reason, recorded_at, kind) VALUES (1, 'nightly', 100, 900, 8, 'nobody ran it in time', 950, 'missed');
INSERT INTO missed (id, job, first_at, last_at, count, reason, recorded_at, kind) VALUES (2, 'nightly', 1790000100000, 1790000200000, 2, 'paused by ann: a change of the network', 1790000200500, 'skipped');
INSERT INTO calendar (id, job, sequence, hash, state, action, template, min_signers, signers, requested_at, installed_at, ended_at) VALUES (1, 'nightly', 1, 'hash-1', 'replaced', '{}', 'hash-t', 1, '["A"]', 10, 20, 30);
INSERT INTO calendar (id, job, sequence, hash, state, action, template, min_signers, signers, requested_at, installed_at, ended_at) VALUES (2, 'nightly', 2, 'hash-2', 'installed', '{}', 'hash-t', 2, '["A","B"]', 25, 30, NULL);
INSERT INTO calendar_window (id, calendar_id, fires_at, valid_from, expire_after, signatures, run_id) VALUES (1, 2, 3600000, 3480000, 3900000, '["sig-a","sig-b"]', 1);
INSERT INTO calendar_window (id, calendar_id, fires_at, valid_from, expire_after, signatures, run_id) VALUES (2, 2, 7200000, 7080000, 7500000, '["sig-a","sig-b"]', NULL);
INSERT INTO seal (id, token) VALUES (1, '0123456789abcdef01234567');
INSERT INTO alarm (id, event, job, subject, run_id, since, raised_at, told_at, count, message, hint, ended_at) VALUES (1, 'failed', 'weekly', '', 5, 9500, 9600, 9600, 1, 'run 5 failed: no target', 'look', NULL);
INSERT INTO notice (id, alarm_id, plugin, body, state, attempts, next_at, error, updated_at) VALUES (1, 1, 'slack', '{"kind":"alarm"}', 'pending', 1, 9700, 'no answer', 9650);
INSERT INTO pause (id, job, since, until, actor, why, ended_at) VALUES (1, 'nightly', 1790000000000, 1790000600000, 'ann', 'a change of the network', 1790000300000);
INSERT INTO pause (id, job, since, until, actor, why, ended_at) VALUES (2, 'weekly', 1790000000000, NULL, 'root by sudo of ann', '', NULL);
INSERT INTO tally (id, what, job, label, count, last_at) VALUES (1, 'command', '', 'success', 3, NULL);
INSERT INTO tally (id, what, job, label, count, last_at) VALUES (2, 'missed', 'nightly', '', 8, NULL);
INSERT INTO tally (id, what, job, label, count, last_at) VALUES (3, 'run', 'nightly', 'done', 1, 9000);
INSERT INTO tally (id, what, job, label, count, last_at) VALUES (4, 'run', 'weekly', 'failed', 1, 9500);
INSERT INTO state VALUES(1,'nightly','known','["web1"]',1,1767225600000);
UPDATE action SET collected_at = 8000 WHERE id = 1;
UPDATE action SET tries = '[{"what":"post","error":"refused","count":2,"firstAt":1500,"lastAt":2000}]' WHERE id = 2;
UPDATE delivery SET tries = '[{"what":"deliver","error":"busy","count":3,"firstAt":7000,"lastAt":9000}]' WHERE key = 'weekly/103/mail';
UPDATE step SET begun_at = 5000 WHERE name = 'look';
