import { type Refusal, refusals } from "../broker/refusal.ts";
import { covers, readJwt, readSignature } from "../tokens.ts";
import type { Context, Peer } from "./context.ts";
import { asRefusal } from "./incoming.ts";
import type { Reply } from "./replies.ts";
import { type Decoded, types } from "./rhea.ts";

/** Takes a token for what it is good for. Links of its connection are then let in there. */
export function answerToken(request: Decoded, peer: Peer, { counts, keys }: Context): Reply {
  counts.tokenRequests += 1;
  try {
    const { name = "", type, operation } = request.application_properties ?? {};
    if (operation !== "put-token") throw refusals.badArgument(`There is no operation ${String(operation)}.`);
    const [audience, token] = [String(name), String(request.body)];
    const grant = type === "jwt" ? readJwt(token, audience) : readSignature(token, keys);
    peer.grants.set(grant.path, grant);
    return { properties: { "status-code": 202, "status-description": "Accepted" }, body: null };
  } catch (error) {
    return { properties: denied(asRefusal(error)), body: null };
  }
}

/** @throws Refusal where no token of this connection is good for a link to this address */
export function assertGranted({ grants }: Peer, address: string): void {
  for (const grant of grants.values()) if (covers(grant, address)) return;
  throw refusals.unauthorized(`Unauthorized access to '${address}': there is no valid token for it.`);
}

function denied({ condition, message }: Refusal): Reply["properties"] {
  return {
    "status-code": 401,
    "status-description": message,
    "error-condition": types.wrap_symbol(condition),
  };
}
