import type { Decoder } from "../message/decoder.ts";
import type { Decoders } from "../message/format.ts";
import { cloudEvents } from "./cloud-events.ts";
import { eventBridge } from "./event-bridge.ts";
import { eventGrid } from "./event-grid.ts";
import { gcs } from "./gcs.ts";
import { s3 } from "./s3.ts";
import { sns } from "./sns.ts";

/** The name of a decoder in a configuration. */
export type DecoderName = "cloudEvents" | "eventBridge" | "eventGrid" | "gcs" | "s3" | "sns";

/** The decoders without options, by their names. */
export const decoders: Readonly<Record<DecoderName, () => Decoder>> = {
  cloudEvents,
  eventBridge,
  eventGrid,
  gcs,
  s3,
  sns,
};

/** Decoders by name in a configuration: for all queues, or by queue, with `"*"` for the queues that are not named. */
export type DecoderNames =
  | DecoderName
  | readonly DecoderName[]
  | Readonly<Record<string, DecoderName | readonly DecoderName[]>>;

/** Makes the decoders that a configuration names. */
export function decodersByName(names: DecoderNames): Decoders {
  const make = (list: DecoderName | readonly DecoderName[]): readonly Decoder[] =>
    [list].flat().map((name: DecoderName) => decoders[name]());
  if (typeof names === "string" || isList(names)) return make(names);
  return Object.fromEntries(Object.entries(names).map(([queue, list]) => [queue, make(list)]));
}

function isList(names: DecoderNames): names is readonly DecoderName[] {
  return Array.isArray(names);
}
