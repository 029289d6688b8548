-- What settled lately, for throughput and for the newest failures: without it that is a scan of all history.
create index settled_in_order on carillon.settled (settled_at);
