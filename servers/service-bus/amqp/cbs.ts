import { asRefusal, type Refusal, refusals } from "../broker/refusal.ts";
import { isCovered, MAX_PATH_LENGTH, readJwt, readSignature } from "../tokens.ts";
import type { ClientConnection, ServerContext } from "./context.ts";
import type { Reply } from "./requests.ts";
import { type Decoded, types } from "./rhea.ts";

/** Audiences of one connection. */
const MAX_GRANTS = 10_000;

/** Handles a request to `$cbs`: reads the token and adds its grant to the connection. */
export function handleTokenRequest(
  request: Decoded,
  connection: ClientConnection,
  { counts, keys }: ServerContext,
): Reply {
  counts.tokenRequests += 1;
  try {
    const { name = "", type, operation } = request.application_properties ?? {};
    if (operation !== "put-token") throw refusals.badArgument(`There is no operation ${String(operation)}.`);
    const [audience, token] = [String(name), String(request.body)];
    const grant = type === "jwt" ? readJwt(token, audience, keys) : readSignature(token, keys);
    if (grant.path.length > MAX_PATH_LENGTH)
      throw refusals.badArgument(
        `The audience has ${grant.path.length} characters; at most ${MAX_PATH_LENGTH} are allowed.`,
      );
    if (!connection.grants.has(grant.path) && connection.grants.size >= MAX_GRANTS)
      throw refusals.tooMany(`tokens on one connection, ${MAX_GRANTS}`);
    connection.grants.set(grant.path, grant);
    return { properties: { "status-code": 202, "status-description": "Accepted" }, body: null };
  } catch (error) {
    return { properties: denied(asRefusal(error)), body: null };
  }
}

/** @throws Refusal `amqp:unauthorized-access` if no token of the connection covers the address */
export function assertGranted({ grants }: ClientConnection, address: string): void {
  if (isCovered(address, grants)) return;
  throw refusals.unauthorized(`Unauthorized access to '${address}': there is no valid token for it.`);
}

function denied({ condition, message }: Refusal): Reply["properties"] {
  return {
    "status-code": 401,
    "status-description": message,
    "error-condition": types.wrap_symbol(condition),
  };
}
