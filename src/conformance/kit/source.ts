import type { Delivery, Source } from "../../driver/contract.ts";
import type { CaseContext } from "./case-context.ts";
import type { TestClient } from "./test-client.ts";

/** A signal that never aborts. */
export const never: AbortSignal = new AbortController().signal;

/** Opens a source of the driver, without the core above it, and closes it after `use`. */
export async function withSource<T>(
  context: CaseContext,
  client: TestClient,
  queue: string,
  prefetch: number,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const source = client.driver.open(queue, { prefetch, leaseMs: context.leaseMs });
  const result = await use(source);
  await context.waitFor("the stop of a source", source.stop());
  await source.close();
  return result;
}

/** Takes exactly this many deliveries from a source. */
export async function takeDeliveries(
  context: CaseContext,
  source: Source,
  count: number,
): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  await context.waitUntil(
    `${count} deliveries`,
    async () => {
      const missing = count - deliveries.length;
      if (missing > 0) deliveries.push(...(await context.waitFor("a poll", source.next(missing, never))));
      return deliveries.length >= count;
    },
    undefined,
    () => `${deliveries.length} were taken`,
  );
  return deliveries;
}
