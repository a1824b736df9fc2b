import type { Delivery } from "../../../src/driver/contract.ts";
import type { Fixture } from "./fixture.ts";

/** Returns the dead letters of the queue of a fixture as the driver delivers them. */
export async function deadLetterAttributes(fixture: Fixture): Promise<Delivery[]> {
  const { deadLetterQueue } = await fixture.driver.describe(fixture.name);
  return fixture.peek(deadLetterQueue);
}
