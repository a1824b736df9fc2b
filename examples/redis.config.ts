import type { ConfigFile } from "queueport/open";

/** Redis or Valkey: the server of REDIS_URL, or the one of this machine. */
const { REDIS_URL } = process.env;

/** The records of jobs, for demo:jobs and the command line: in memory, or in the SQLite file that JOBS_FILE names. */
const { JOBS_FILE } = process.env;
const store = JOBS_FILE === undefined ? ({ memory: true } as const) : { sqlite: JOBS_FILE };

export default {
  provider: "redis",
  prefix: "qp-demo",
  ...(REDIS_URL === undefined ? {} : { url: REDIS_URL }),
  jobs: { store },
} satisfies ConfigFile;
