// Schema: what the journal of a cluster is in PostgreSQL: rows of journal.db as they are, each in
// the shard of its job, and who owns which shard. It has a version. Functions do every write of a
// running host: one call is one statement and one transaction, also behind a pool of connections.
// Moves, and verbs of operators about hosts, write to the tables directly; a move under `lockAll`.
//
//   C1. Who writes as the owner of a shard is its owner, in the epoch that it has claimed it in:
//       `mig_write` locks the shard's row and looks. A former owner changes nothing (I12).
//   C2. Who changes a row has seen it as it is: each carries the version that it was written by.
//   C3. The versions of a shard are in the order of its commits, so what is new is behind the last.
//   C4. Of a journal that was moved to a file nothing is claimed or written here any more.

/** The schema that this program writes, and the only one that it works with. */
export const CLUSTER_SCHEMA = 1;

/** The shard of what belongs to no job. It has no owner: all hosts have its rows. */
export const COMMON = 0;

/** Whose the name of a host is that has left. */
const NOBODY = "";

/** SQLSTATE of a row that is another by now. */
export const STALE = "MR001";

/** SQLSTATE of a shard that is somebody else's by now. */
export const LOST = "MR002";

/** SQLSTATE of a journal that is not here any more. */
export const MOVED = "MR003";

const TABLES = `
  CREATE TABLE mig_cluster (
    id      integer PRIMARY KEY CHECK (id = 1),
    version integer NOT NULL,
    shards  integer NOT NULL,
    next_id bigint  NOT NULL,
    -- Where the journal is since it was moved away, and by which move; null: here.
    moved_to text,
    moved_by text
  );

  -- The moves of journals into this one that have ended.
  CREATE TABLE mig_move (
    id   text PRIMARY KEY,
    came text NOT NULL,
    at   timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE mig_host (
    name     text PRIMARY KEY,
    instance text NOT NULL,
    seen_at  timestamptz NOT NULL,
    draining boolean NOT NULL DEFAULT false
  );

  CREATE TABLE mig_shard (
    id          integer PRIMARY KEY,
    owner       text,
    epoch       bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    version     bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 50);

  -- A row without data was removed, and stays so that all see it.
  CREATE TABLE mig_row (
    shard   integer NOT NULL REFERENCES mig_shard (id),
    tbl     text    NOT NULL,
    key     text    NOT NULL,
    version bigint  NOT NULL,
    data    text,
    removed timestamptz,
    mark    text,
    PRIMARY KEY (tbl, key)
  ) WITH (fillfactor = 80);
  CREATE INDEX mig_row_shard ON mig_row (shard, tbl, key);
  CREATE INDEX mig_row_version ON mig_row (shard, version);
  CREATE INDEX mig_row_removed ON mig_row (removed) WHERE removed IS NOT NULL;
  -- What is there once in all shards: a fire time of a job (I2), an action's id, a delivery's key.
  CREATE UNIQUE INDEX mig_row_mark ON mig_row (mark) WHERE mark IS NOT NULL`;

const WRITE = `
  CREATE FUNCTION mig_write(me text, fences jsonb, changes jsonb)
  RETURNS TABLE (shard integer, version bigint) LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    wanted integer;
    done integer;
    more integer;
  BEGIN
    PERFORM 1 FROM mig_shard s
      WHERE s.id IN (SELECT (c->>'s')::integer FROM jsonb_array_elements(changes) c)
      ORDER BY s.id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM mig_cluster WHERE moved_to IS NOT NULL) THEN
      RAISE EXCEPTION 'the journal was moved away' USING ERRCODE = '${MOVED}';
    END IF;
    SELECT count(*) INTO wanted FROM jsonb_array_elements(fences);
    SELECT count(*) INTO done FROM mig_shard s JOIN jsonb_array_elements(fences) f
      ON s.id = (f->>'s')::integer AND s.epoch = (f->>'e')::bigint AND s.owner = me;
    IF done <> wanted THEN
      RAISE EXCEPTION 'the shard has another owner' USING ERRCODE = '${LOST}';
    END IF;
    wanted := jsonb_array_length(changes);
    UPDATE mig_shard s SET version = s.version + 1
      WHERE s.id IN (SELECT (c->>'s')::integer FROM jsonb_array_elements(changes) c);
    -- Removed rows first: what they held may be in another by now.
    UPDATE mig_row r SET version = s.version, data = NULL, mark = NULL, removed = now()
      FROM jsonb_to_recordset(changes) c(s integer, t text, k text, v bigint, r text, m text)
      JOIN mig_shard s ON s.id = c.s
      WHERE c.r IS NULL AND r.shard = c.s AND r.tbl = c.t AND r.key = c.k
        AND r.version = c.v AND r.data IS NOT NULL;
    GET DIAGNOSTICS done = ROW_COUNT;
    UPDATE mig_row r SET version = s.version, data = c.r, mark = c.m
      FROM jsonb_to_recordset(changes) c(s integer, t text, k text, v bigint, r text, m text)
      JOIN mig_shard s ON s.id = c.s
      WHERE c.r IS NOT NULL AND c.v IS NOT NULL AND r.shard = c.s AND r.tbl = c.t AND r.key = c.k
        AND r.version = c.v AND r.data IS NOT NULL;
    GET DIAGNOSTICS more = ROW_COUNT;
    done := done + more;
    INSERT INTO mig_row AS r (shard, tbl, key, version, data, mark)
      SELECT c.s, c.t, c.k, s.version, c.r, c.m
      FROM jsonb_to_recordset(changes) c(s integer, t text, k text, v bigint, r text, m text)
      JOIN mig_shard s ON s.id = c.s
      WHERE c.r IS NOT NULL AND c.v IS NULL
      ON CONFLICT ON CONSTRAINT mig_row_pkey DO UPDATE
        SET shard = excluded.shard, version = excluded.version, data = excluded.data,
          mark = excluded.mark, removed = NULL
        -- A text under its hash is the same whoever wrote it.
        WHERE r.data IS NULL OR r.tbl = 'source';
    GET DIAGNOSTICS more = ROW_COUNT;
    IF done + more <> wanted THEN
      RAISE EXCEPTION 'a row is another by now' USING ERRCODE = '${STALE}';
    END IF;
    RETURN QUERY SELECT s.id, s.version FROM mig_shard s
      WHERE s.id IN (SELECT (c->>'s')::integer FROM jsonb_array_elements(changes) c);
  END $$`;

const LEASES = `
  CREATE FUNCTION mig_beat(host text, me text, lease_ms integer)
  RETURNS jsonb LANGUAGE plpgsql AS $$
  BEGIN
    IF host IS NOT NULL THEN
      INSERT INTO mig_host AS h (name, instance, seen_at) VALUES (host, me, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at, instance = excluded.instance
        -- A name is one process's, until it leaves or is silent for a lease.
        WHERE h.instance IN (me, '${NOBODY}')
          OR h.seen_at < clock_timestamp() - lease_ms * interval '1 millisecond';
    END IF;
    -- Everywhere in one order: two that lock several never wait for each other.
    PERFORM 1 FROM mig_shard WHERE owner = me ORDER BY id FOR UPDATE;
    UPDATE mig_shard SET lease_until = clock_timestamp() + lease_ms * interval '1 millisecond'
      WHERE owner = me;
    RETURN mig_look();
  END $$;

  CREATE FUNCTION mig_look() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
      'now', (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
      'schema', (SELECT version FROM mig_cluster),
      'moved', (SELECT moved_to FROM mig_cluster),
      'shards', (SELECT jsonb_agg(jsonb_build_object('id', id, 'owner', owner, 'epoch', epoch,
          'version', version, 'free', owner IS NULL OR lease_until < clock_timestamp())
          ORDER BY id) FROM mig_shard),
      'hosts', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'instance', instance,
          'draining', draining,
          'silent', (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::bigint)
          ORDER BY name), '[]') FROM mig_host))
  $$;

  CREATE FUNCTION mig_claim(me text, lease_ms integer, ids integer[])
  RETURNS TABLE (shard integer, epoch bigint) LANGUAGE sql AS $$
    SELECT 1 FROM mig_shard s WHERE s.id = ANY (ids) ORDER BY s.id FOR UPDATE;
    UPDATE mig_shard s SET owner = me, epoch = s.epoch + 1,
        lease_until = clock_timestamp() + lease_ms * interval '1 millisecond'
      WHERE s.id = ANY (ids) AND s.id <> ${COMMON}
        AND (s.owner IS NULL OR s.owner = me OR s.lease_until < clock_timestamp())
        AND NOT EXISTS (SELECT 1 FROM mig_cluster WHERE moved_to IS NOT NULL)
      RETURNING s.id, s.epoch
  $$;

  CREATE FUNCTION mig_give(me text, ids integer[]) RETURNS void LANGUAGE sql AS $$
    SELECT 1 FROM mig_shard WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    UPDATE mig_shard SET owner = NULL, epoch = epoch + 1, lease_until = NULL
      WHERE id = ANY (ids) AND owner = me
  $$;

  CREATE FUNCTION mig_leave(me text) RETURNS void LANGUAGE sql AS $$
    SELECT 1 FROM mig_shard WHERE owner = me ORDER BY id FOR UPDATE;
    UPDATE mig_shard SET owner = NULL, epoch = epoch + 1, lease_until = NULL WHERE owner = me;
    DELETE FROM mig_host WHERE instance = me AND NOT draining;
    UPDATE mig_host SET instance = '${NOBODY}' WHERE instance = me
  $$;

  CREATE FUNCTION mig_ids(count bigint) RETURNS bigint LANGUAGE sql AS $$
    UPDATE mig_cluster SET next_id = next_id + count RETURNING next_id - count
  $$`;

/** One statement list a version: `CLUSTER_MIGRATIONS[n]` takes the schema from n to n + 1. */
export const CLUSTER_MIGRATIONS: readonly string[] = [`${TABLES};\n${WRITE};\n${LEASES};`];
