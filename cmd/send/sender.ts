import type { ConfigParts } from "../../adapters/config-file.ts";
import { openQueue } from "../../adapters/open.ts";
import { QueueError } from "../../src/errors.ts";
import { enabledJobs, openConfiguredJobs } from "../lib/open.ts";
import type { SendFlags } from "./input.ts";
import type { Sender } from "./lines.ts";

/** A {@link Sender} with its connections. Disposing closes them. */
export interface OpenedSender extends Sender, AsyncDisposable {
  /** The provider of the queue. */
  readonly provider: string;
}

/**
 * Opens the recorded jobs of a configuration, or its queue if it does not record jobs.
 * @throws QueueError `config` for a flag that needs recorded jobs
 */
export async function openSender(
  config: ConfigParts,
  { priority, tenant, tag: tags, idempotencyKey }: SendFlags,
  definitions: readonly { readonly type: string }[],
): Promise<OpenedSender> {
  if (enabledJobs(config) === undefined) {
    if (tags !== undefined || idempotencyKey !== undefined) {
      throw new QueueError(
        "config",
        "--tag and --idempotency-key need recorded jobs: add the section jobs to the configuration.",
      );
    }
    const queue = await openQueue(config.queue);
    return {
      provider: queue.provider,
      send: (name, message, options) => queue.send(name, { priority, tenant, ...message }, options),
      [Symbol.asyncDispose]: () => queue.close(),
    };
  }
  const jobs = await openConfiguredJobs(config, { definitions });
  return {
    provider: jobs.queue.provider,
    send: (queue, message, { delay, deadlineMs }) =>
      jobs.send(message, { queue, delay, deadlineMs, priority, tenant, tags, idempotencyKey }),
    [Symbol.asyncDispose]: () => jobs.close(),
  };
}
