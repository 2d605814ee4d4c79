-- Where the state is kept. Made once, before the first plan, by somebody who may; then granted to the runner alone:
--   GRANT USE CATALOG ON CATALOG ops TO `replicator-ci`;
--   GRANT USE SCHEMA ON SCHEMA ops.replicator TO `replicator-ci`;
--   GRANT READ VOLUME, WRITE VOLUME ON VOLUME ops.replicator.state TO `replicator-ci`;
CREATE CATALOG ops;
CREATE SCHEMA ops.replicator;
CREATE VOLUME ops.replicator.state COMMENT 'State of replicator: whoever may write it decides what is dropped';
