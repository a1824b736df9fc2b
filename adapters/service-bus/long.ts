import type { ServiceBusSender } from "@azure/service-bus";

type Long = Extract<Parameters<ServiceBusSender["cancelScheduledMessages"]>[0], { toBytesBE(): number[] }>;

/**
 * A sequence number as the SDK wants it: an object of the package `long`, which it does not hand out. It looks at the
 * mark, and asks for the bytes.
 */
export function longOf(value: bigint): Long {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  const long = {
    __isLong__: true,
    toBytesBE: (): number[] => [...bytes],
    toString: (): string => String(value),
  };
  return long as unknown as Long;
}
