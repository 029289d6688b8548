-- Limits. Each has a line: one definition name, one kind of limit and one key. A turn that starts an attempt takes a place in
-- the actor's lines, in its own transaction; where one is full the actor goes into `waits`. Whoever gives a place back admits
-- the next: a due row, nothing more. All of that happens under the line's advisory lock, so that counting is exact.
-- Actors without limits have a null in a column, and no row in either table.

alter table carillon.definitions
  -- Null: without limit.
  add column concurrency int4,
  add column rate int4,
  add column rate_ms float8;

-- The keys as JSON: opaque to SQL.
alter table carillon.actors add column limits text;
alter table carillon.settled add column limits text;

-- Who counts. The fence says for which hold of the actor, so that a place of a worker that died is known by it.
create table carillon.places (
  fence int8 not null,
  -- Of a rate: when this start no longer counts. Null: when its holder lets go.
  ends_at timestamptz,
  line uuid not null,
  actor uuid not null,
  primary key (line, actor, fence)
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off
);
create index places_by_end on carillon.places (line, ends_at);
create index places_ending on carillon.places (ends_at) where ends_at is not null;
create index places_held on carillon.places (actor) where ends_at is null;

-- Who waits, in the order in which they are let in.
create table carillon.waits (
  -- Its rank: when it became due, before any waiting.
  due_at timestamptz not null,
  -- From then on it has a due row again, and room is kept for it for a while.
  admitted_at timestamptz,
  -- It has another due row for this instant: its deadline, say.
  until_at timestamptz,
  actor uuid primary key,
  line uuid not null,
  queue int4 not null,
  def int4 not null,
  priority int2 not null,
  -- Of its due rows.
  lane int2 not null,
  -- What kind of line it is.
  rate boolean not null
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 2000, vacuum_truncate = off
);
create index waits_in_order on carillon.waits (line, queue, priority, due_at, actor);
create index waits_admitted on carillon.waits (line, admitted_at) where admitted_at is not null;
