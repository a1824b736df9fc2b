import type { ConfigFile } from "queueport/open";

/** Queues and the records of jobs in one SQLite file, which QUEUE_FILE names. */
const { QUEUE_FILE = "queueport.db" } = process.env;

export default {
  provider: "sqlite",
  path: QUEUE_FILE,
  jobs: { store: { sqlite: QUEUE_FILE } },
} satisfies ConfigFile;
