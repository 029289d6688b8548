-- How a row flows. schedule() inserts an actor and its due row. A claim deletes the due row, marks the actor as held by a
-- worker and lists it in a lease row. Turns rewrite the actor; each one that lets go of it inserts the next due row. The
-- last turn deletes the actor and inserts it into settled. send() inserts a mail and one more due row, and locks nothing.
--
-- The schema is written `carillon.` in every statement and replaced by the configured name when the text is loaded.
-- Payloads are opaque text, never jsonb: jsonb refuses \u0000 and lone surrogates, which error messages can hold.

-- The only clock. Whole milliseconds, so that an instant survives the way through JavaScript. Tests replace it.
create function carillon.now() returns timestamptz language sql stable parallel safe
  as $$ select date_trunc('milliseconds', statement_timestamp()) $$;

create table carillon.definitions (
  id int4 generated always as identity primary key,
  namespace text collate "C" not null,
  name text collate "C" not null,
  version int4 not null,
  kind text not null,
  chart text not null,
  registered_at timestamptz not null,
  constraint definitions_name_and_version_are_unique unique (namespace, name, version)
);

create table carillon.queues (
  id int4 generated always as identity primary key,
  namespace text collate "C" not null,
  name text collate "C" not null,
  paused boolean not null default false,
  constraint queues_name_is_unique unique (namespace, name)
);

-- Active actors only. No column that a claim or a turn changes may be indexed, nor stand in an index predicate (but for
-- parked and quarantine, which hardly ever change): every update then stays within its page. The free half of a page
-- is what a claim of all its rows needs for that.
create table carillon.actors (
  id uuid primary key,
  fence int8 not null,
  seq int8 not null,
  wake_at timestamptz,
  claimed_at timestamptz,
  created_at timestamptz not null,
  def int4 not null,
  queue int4 not null,
  pokes int4 not null,
  attempt int4 not null,
  strikes int2 not null,
  priority int2 not null,
  -- Whether the actor's one own row, due at wake_at, is in `due`. Rows for mail are extra.
  in_due boolean not null,
  spilled boolean not null,
  parent uuid,
  worker text collate "C",
  labels text[] collate "C" not null,
  key text collate "C",
  key_digest bytea,
  parked text,
  quarantine text,
  progress text,
  state text,
  input text,
  snapshot text,
  history text not null
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off
);
create index actors_by_parent on carillon.actors (parent) where parent is not null;
create index actors_by_key on carillon.actors (key) where key is not null;
create index actors_by_label on carillon.actors using gin (labels) where labels <> '{}';
create index actors_parked on carillon.actors (def) where parked is not null;
create index actors_quarantined on carillon.actors (id) where quarantine is not null;

-- The pending work: inserted and deleted, never updated. Priority 10 is the lane of suspects.
create table carillon.due (
  due_at timestamptz not null,
  actor uuid not null,
  queue int4 not null,
  def int4 not null,
  priority int2 not null
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off
);
create index due_in_order on carillon.due (queue, priority, due_at, actor) include (def);

-- One row per process incarnation. A heartbeat changes beat_at only, which no index holds.
create table carillon.workers (
  id text collate "C" primary key,
  namespace text collate "C" not null,
  host text not null,
  pid int4 not null,
  defs int4[] not null,
  queues int4[] not null,
  lease_ms float8 not null,
  concurrency int4 not null,
  joined_at timestamptz not null,
  beat_at timestamptz not null
) with (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50, vacuum_truncate = off
);

-- What each worker holds, one row per claim. Actors that are through may still be listed; `actors.worker` decides.
create table carillon.leases (
  n int8 not null,
  worker text collate "C" not null,
  actors uuid[] not null,
  primary key (worker, n)
) with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
  autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off
);

-- A consumed mail is deleted, but one with a dedup_id stays behind without its event for as long as the actor lives.
create table carillon.mailbox (
  id int8 generated always as identity,
  at timestamptz not null,
  actor uuid not null,
  event text,
  dedup_id text collate "C"
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off
);
create index mailbox_in_order on carillon.mailbox (actor, id) where event is not null;
create unique index mailbox_dedup_id_is_unique on carillon.mailbox (actor, dedup_id) where dedup_id is not null;

-- That a delivery happened, for a sender whose connection was lost: mail itself leaves no trace once it is consumed.
create table carillon.receipts (
  id uuid primary key,
  written_at timestamptz not null
) with (
  fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200, vacuum_truncate = off
);

-- History that outgrew its actor's row. `base` is the snapshot after the last of the entries.
create table carillon.journal (
  from_seq int8 not null,
  actor uuid not null,
  base text,
  entries text not null,
  primary key (actor, from_seq)
);

-- Not partitioned: a statement that finalizes keys would lock every leaf and its index, on each settle of unkeyed runs too.
create table carillon.claims (
  digest bytea primary key,
  fingerprint bytea not null,
  actor uuid not null,
  retention_ms float8 not null,
  -- Null while the run is in flight: such a claim lives exactly as long as its actor.
  expires_at timestamptz,
  key text collate "C" not null,
  -- Null also when it was too long to be copied: then `settled` has it.
  record text
) with (
  fillfactor = 80,
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 2000
);

-- Partitioned by the UTC day until whose end a row must be kept, so that nothing inside its retention can go with a leaf.
create table carillon.settled (
  id uuid not null,
  fence int8 not null,
  seq int8 not null,
  created_at timestamptz not null,
  settled_at timestamptz not null,
  keep_until date not null,
  def int4 not null,
  queue int4 not null,
  attempt int4 not null,
  strikes int2 not null,
  priority int2 not null,
  spilled boolean not null,
  parent uuid,
  status text not null,
  outcome text not null,
  reason text,
  labels text[] collate "C" not null,
  key text collate "C",
  key_digest bytea,
  undelivered text[],
  progress text,
  state text,
  record text not null,
  input text,
  snapshot text,
  history text not null,
  primary key (id, keep_until)
) partition by range (keep_until);
create index settled_by_parent on carillon.settled (parent) where parent is not null;
create index settled_by_key on carillon.settled (key) where key is not null;
create index settled_by_label on carillon.settled using gin (labels) where labels <> '{}';
create index settled_dropped on carillon.settled (def, id) where status = 'dropped';
