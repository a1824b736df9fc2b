import type { QueueConfig } from "queueport/open";

/** SQS, or a local server that speaks its protocol: give SQS_ENDPOINT then, and any region and keys. */
const { SQS_ENDPOINT, AWS_REGION = "us-east-1" } = process.env;

export default {
  provider: "sqs",
  region: AWS_REGION,
  ...(SQS_ENDPOINT === undefined
    ? {}
    : { endpoint: SQS_ENDPOINT, credentials: { accessKeyId: "local", secretAccessKey: "local" } }),
} satisfies QueueConfig;
