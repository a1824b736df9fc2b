import { DriverError } from "../../../src/driver/index.ts";

/** The handles by which delayed messages are cancelled: the provider and the number of the message. */
export const handleOf = (provider: string, id: number | string): string => `${provider}-${id}`;

/**
 * The number of the message of a handle.
 * @throws DriverError `permanent` if the handle is of another provider
 */
export function idOfHandle(provider: string, handle: string): string {
  const id = handle.startsWith(`${provider}-`) ? handle.slice(provider.length + 1) : "";
  if (/^[1-9]\d{0,18}$/.test(id)) return id;
  throw new DriverError(
    "permanent",
    `The handle ${JSON.stringify(handle)} was not returned by a send to ${provider}`,
  );
}
