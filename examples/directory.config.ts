import type { ConfigFile } from "queueport/open";
import { directory } from "./directory-adapter/index.ts";

/** Queues on an adapter of your own. Every command and `openQueue` accept it. */
const { QUEUE_DIRECTORY = "queues" } = process.env;

export default {
  driver: () => directory({ path: QUEUE_DIRECTORY }),
} satisfies ConfigFile;
