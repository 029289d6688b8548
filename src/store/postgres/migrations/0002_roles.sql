-- What a child is to its parent, told back with its end: opaque to the store, and kept with the row for as long as it is.
alter table carillon.actors add column role text;
alter table carillon.settled add column role text;
