-- Somebody edits the replica's comment in the UI of the target workspace.
COMMENT ON TABLE aaron_dr.source_schema.orders IS 'edited in the UI';
