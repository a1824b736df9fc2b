import type { QueueConfig } from "queueport/open";

/** Google Pub/Sub, or its emulator: give PUBSUB_EMULATOR_HOST then; any project will do. */
const { PUBSUB_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT } = process.env;

export default {
  provider: "pubsub",
  projectId: GOOGLE_CLOUD_PROJECT ?? (PUBSUB_EMULATOR_HOST === undefined ? undefined : "local"),
  emulatorHost: PUBSUB_EMULATOR_HOST,
  // A worker ends when its pulls do. In earnest, leave it out: longer pulls are fewer.
  waitSeconds: 2,
} satisfies QueueConfig;
