import type { ConfigFile } from "queueport/open";

/** PostgreSQL: the database of DATABASE_URL, or the one that the variables PGHOST, PGDATABASE, … name. */
const { DATABASE_URL } = process.env;

/** The records of jobs, for demo:jobs and the command line: in memory, or in the SQLite file that JOBS_FILE names. */
const { JOBS_FILE } = process.env;
const store = JOBS_FILE === undefined ? ({ memory: true } as const) : { sqlite: JOBS_FILE };

export default {
  provider: "postgres",
  schema: "queueport_demo",
  ...(DATABASE_URL === undefined ? {} : { url: DATABASE_URL }),
  jobs: { store },
} satisfies ConfigFile;
