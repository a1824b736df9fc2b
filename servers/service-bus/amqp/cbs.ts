import type { Context } from "./context.ts";
import type { Reply } from "./replies.ts";

/** Takes any token: the server knows no secrets, and is for this machine. */
export function answerToken({ counts }: Context): Reply {
  counts.tokenRequests += 1;
  return { properties: { "status-code": 202, "status-description": "Accepted" }, body: null };
}
