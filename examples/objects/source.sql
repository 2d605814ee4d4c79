-- Nothing has to be there before: replicator makes all of it.
SELECT 1;
