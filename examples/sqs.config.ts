import type { ConfigFile } from "queueport/open";

/** Amazon SQS; or a local server with its protocol, if SQS_ENDPOINT is set. A local server accepts any region and keys. */
const { SQS_ENDPOINT, AWS_REGION = "us-east-1" } = process.env;

/** The records of jobs, for demo:jobs and the command line: in memory, or in the SQLite file that JOBS_FILE names. */
const { JOBS_FILE } = process.env;
const store = JOBS_FILE === undefined ? ({ memory: true } as const) : { sqlite: JOBS_FILE };

export default {
  provider: "sqs",
  region: AWS_REGION,
  // Short polls let the demo end soon. An application leaves this out: longer polls make fewer requests.
  waitSeconds: 2,
  ...(SQS_ENDPOINT === undefined
    ? {}
    : { endpoint: SQS_ENDPOINT, credentials: { accessKeyId: "local", secretAccessKey: "local" } }),
  jobs: { store },
} satisfies ConfigFile;
