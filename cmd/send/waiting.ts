import { channels, type RequestEvent } from "../../src/diagnostics.ts";
import { durationText } from "../lib/options.ts";
import { warn } from "../lib/output.ts";

/** Milliseconds after which a command that waits for the provider says so. */
const SILENT_MS = 2_000;

/**
 * Says on stderr that a send still waits, and why, unless the display is disposed of within two seconds. `isSending` is false
 * if the command may be waiting for its input.
 */
export function showWaiting(deadlineMs: number, isSending: boolean): Disposable {
  let reason = isSending ? "the provider has not answered yet" : undefined;
  const onRequest = (event: unknown): void => {
    const { operation, outcome } = event as RequestEvent;
    if (outcome === "ok" && operation === "send") reason = undefined;
    else if (outcome === "throttled") reason = "the provider refuses requests for now";
    else if (outcome === "transient") reason = "the provider cannot be reached";
  };
  channels.request.subscribe(onRequest);
  const timer = setTimeout(() => {
    if (reason === undefined) return;
    warn(`${reason}; trying for ${durationText(deadlineMs)} in all, or as long as --deadline says.`);
  }, SILENT_MS);
  return {
    [Symbol.dispose](): void {
      clearTimeout(timer);
      channels.request.unsubscribe(onRequest);
    },
  };
}
