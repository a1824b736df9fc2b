import type { QueueConfig } from "queueport/open";

/** Amazon SQS; or a local server with its protocol, if SQS_ENDPOINT is set. A local server accepts any region and keys. */
const { SQS_ENDPOINT, AWS_REGION = "us-east-1" } = process.env;

export default {
  provider: "sqs",
  region: AWS_REGION,
  // Short polls let the demo end soon. An application leaves this out: longer polls make fewer requests.
  waitSeconds: 2,
  ...(SQS_ENDPOINT === undefined
    ? {}
    : { endpoint: SQS_ENDPOINT, credentials: { accessKeyId: "local", secretAccessKey: "local" } }),
} satisfies QueueConfig;
