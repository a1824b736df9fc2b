import type { QueueConfig } from "queueport/open";

/** SQS, or a local server that speaks its protocol: give SQS_ENDPOINT then; any region and keys will do. */
const { SQS_ENDPOINT, AWS_REGION = "us-east-1" } = process.env;

export default {
  provider: "sqs",
  region: AWS_REGION,
  // A worker ends when its polls do. In earnest, leave it out: longer polls are fewer.
  waitSeconds: 2,
  ...(SQS_ENDPOINT === undefined
    ? {}
    : { endpoint: SQS_ENDPOINT, credentials: { accessKeyId: "local", secretAccessKey: "local" } }),
} satisfies QueueConfig;
