-- Runs that begin again, what is left of pruned history, what operators did, and what recovery could not mend.

-- How often an operator had it begin again.
alter table carillon.actors add column retried int4 not null default 0;
alter table carillon.settled add column retried int4 not null default 0;

-- Pruning lets go of these one by one, together with their journal, before it empties a leaf.
create index settled_spilled on carillon.settled (id) where spilled;

-- What was let go of, so that "nothing failed" and "already gone" can be told apart. '' where a reason or code is none.
create table carillon.pruned (
  def int4 not null,
  queue int4 not null,
  outcome text not null,
  reason text not null,
  code text not null,
  count int8 not null,
  last_at timestamptz not null,
  primary key (def, queue, outcome, reason, code)
);

-- What operators did, written in the transaction that did it. Ids are made by the writer, who knows by them what became of a
-- write whose reply was lost.
create table carillon.audit (
  id uuid primary key,
  at timestamptz not null,
  namespace text collate "C" not null,
  who text not null,
  action text collate "C" not null,
  target text not null,
  reason text,
  before jsonb,
  after jsonb
);
create index audit_in_order on carillon.audit (at, id);

-- Rows that a duty of the sweep failed on: left alone until `next_at`, later each time, and shown to operators.
create table carillon.set_aside (
  duty text collate "C" not null,
  target text collate "C" not null,
  failures int4 not null,
  error text not null,
  since timestamptz not null,
  next_at timestamptz not null,
  primary key (duty, target)
);

-- What each worker's sweep says of its duties, renewed every few seconds.
alter table carillon.workers add column duties jsonb not null default '[]';
