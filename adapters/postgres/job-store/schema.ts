import type { SchemaPart } from "../schema/migrate.ts";

/** The tables of the job store. A step that was released is never changed; a later one only adds. */
export const jobsPart: SchemaPart = {
  name: "jobs",
  migrations: [{ name: "tables of recorded jobs", sql: tables }],
};

function tables(schema: string): string {
  return `
CREATE TABLE ${schema}.job_namespace (
  ns int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  fingerprint text NOT NULL,
  -- The number of the last change. Its row is locked by each transaction that makes one, so that numbers become visible in
  -- their order.
  seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

-- The combinations of the attributes that lists filter by. A job has one of them, so that one index serves every filter.
CREATE TABLE ${schema}.job_facet (
  facet int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ns int NOT NULL,
  queue text NOT NULL,
  type text NOT NULL,
  priority text NOT NULL,
  status text NOT NULL,
  UNIQUE (ns, queue, type, priority, status)
);

CREATE TABLE ${schema}.job (
  job bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ns int NOT NULL,
  id text COLLATE "C" NOT NULL,
  facet int NOT NULL,
  -- Times are epoch milliseconds.
  created_at double precision NOT NULL,
  -- The number of its last change; NULL if it was born in the transaction of an application and not yet seen.
  seq bigint,
  -- When its message is to be sent by whoever takes it.
  due_at double precision,
  -- When the hold of its run lapses.
  held_until double precision,
  finished_at double precision,
  -- 1: completed, with data. 2: completed, without data. 3: failed or lost. 4: cancelled.
  shelf smallint,
  -- The parts of its data that exist, as bits.
  parts int NOT NULL,
  -- The rest, as JSON.
  row text NOT NULL,
  UNIQUE (ns, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 1);
CREATE INDEX job_by_creation ON ${schema}.job (ns, created_at, id);
CREATE INDEX job_by_facet ON ${schema}.job (facet, created_at, id);
CREATE INDEX job_by_change ON ${schema}.job (ns, seq);
CREATE INDEX job_due ON ${schema}.job (ns, due_at, created_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX job_finished ON ${schema}.job (ns, shelf, finished_at, job) WHERE shelf IS NOT NULL;

CREATE TABLE ${schema}.job_data (
  job bigint PRIMARY KEY,
  payload text,
  -- The message without its payload.
  message text,
  result text,
  saved text,
  steps text,
  logs text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 1);

-- The tenant, tags, worker and error of each job, to find it by.
CREATE TABLE ${schema}.job_term (
  ns int NOT NULL,
  term text COLLATE "C" NOT NULL,
  created_at double precision NOT NULL,
  id text COLLATE "C" NOT NULL,
  job bigint NOT NULL,
  PRIMARY KEY (ns, term, created_at, id)
);

-- The jobs that ended within each minute.
CREATE TABLE ${schema}.job_minute (
  ns int NOT NULL,
  minute double precision NOT NULL,
  facet int NOT NULL,
  count bigint NOT NULL,
  duration_ms double precision NOT NULL,
  PRIMARY KEY (ns, minute, facet)
) WITH (fillfactor = 50);

CREATE TABLE ${schema}.job_worker (
  place bigint GENERATED ALWAYS AS IDENTITY,
  ns int NOT NULL,
  id text NOT NULL,
  seen_at double precision NOT NULL,
  row text NOT NULL,
  PRIMARY KEY (ns, id)
) WITH (fillfactor = 50);
`;
}
