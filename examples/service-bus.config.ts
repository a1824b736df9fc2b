import type { ConfigFile } from "queueport/open";

/**
 * Azure Service Bus, or a local server with its protocol. Set SERVICE_BUS_CONNECTION_STRING; or set
 * SERVICE_BUS_NAMESPACE, to sign in with the credentials that `@azure/identity` finds.
 */
const { SERVICE_BUS_CONNECTION_STRING, SERVICE_BUS_NAMESPACE } = process.env;

/** The records of jobs, for demo:jobs and the command line: in memory, or in the SQLite file that JOBS_FILE names. */
const { JOBS_FILE } = process.env;
const store = JOBS_FILE === undefined ? ({ memory: true } as const) : { sqlite: JOBS_FILE };

export default {
  provider: "service-bus",
  connectionString: SERVICE_BUS_CONNECTION_STRING,
  namespace: SERVICE_BUS_NAMESPACE,
  jobs: { store },
} satisfies ConfigFile;
