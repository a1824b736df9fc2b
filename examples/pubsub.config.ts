import type { QueueConfig } from "queueport/open";

/** Google Pub/Sub; or its emulator, if PUBSUB_EMULATOR_HOST is set. The emulator accepts any project. */
const { PUBSUB_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT } = process.env;

export default {
  provider: "pubsub",
  projectId: GOOGLE_CLOUD_PROJECT ?? (PUBSUB_EMULATOR_HOST === undefined ? undefined : "local"),
  emulatorHost: PUBSUB_EMULATOR_HOST,
  // Short pulls let the demo end soon. An application leaves this out: longer pulls make fewer requests.
  waitSeconds: 2,
} satisfies QueueConfig;
