import type { ConfigFile } from "queueport/open";

/** Google Pub/Sub; or its emulator, if PUBSUB_EMULATOR_HOST is set. The emulator accepts any project. */
const { PUBSUB_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT } = process.env;

/** The records of jobs, for demo:jobs and the command line: in memory, or in the SQLite file that JOBS_FILE names. */
const { JOBS_FILE } = process.env;
const store = JOBS_FILE === undefined ? ({ memory: true } as const) : { sqlite: JOBS_FILE };

export default {
  provider: "pubsub",
  projectId: GOOGLE_CLOUD_PROJECT ?? (PUBSUB_EMULATOR_HOST === undefined ? undefined : "local"),
  emulatorHost: PUBSUB_EMULATOR_HOST,
  // Short pulls let the demo end soon. An application leaves this out: longer pulls make fewer requests.
  waitSeconds: 2,
  jobs: { store },
} satisfies ConfigFile;
