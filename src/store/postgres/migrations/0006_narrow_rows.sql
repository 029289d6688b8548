-- Bytes that every row paid for.

-- Null where there are none, which takes nothing; rows from before have an empty array, which means the same.
alter table carillon.actors alter column labels drop not null;
alter table carillon.settled alter column labels drop not null;

-- Incarnations always had UUIDs for names, and as text they took 37 bytes of each claimed row. A claim now makes a row longer by a
-- multiple of four, so that what lies behind the worker stays as it was and is not logged again.
alter table carillon.actors alter column worker type uuid using worker::uuid;
alter table carillon.leases alter column worker type uuid using worker::uuid;
alter table carillon.workers alter column id type uuid using id::uuid;

-- So small rows still grow by a sixth. With half of a page free, one claim in six found no room left in it, and moved the row to
-- another page with an entry more in every index.
alter table carillon.actors set (fillfactor = 47);
