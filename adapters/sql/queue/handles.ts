import { DriverError } from "../../../src/driver/index.ts";

/** The handle by which a delayed message is cancelled: the provider, and the number of the message. */
export const handleOf = (provider: string, id: number | string): string => `${provider}:${id}`;

/**
 * Returns the number of the message of a handle.
 * @throws DriverError `permanent` if the handle is of another provider
 */
export function idOfHandle(provider: string, handle: string): string {
  const id = handle.startsWith(`${provider}:`) ? handle.slice(provider.length + 1) : "";
  if (/^\d{1,18}$/.test(id)) return id;
  throw new DriverError("permanent", `The handle "${handle}" was not returned by a send to ${provider}.`);
}
