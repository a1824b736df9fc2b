import type { Entity } from "../broker/entity.ts";
import type { BrokerMessage, SettleOutcome } from "../broker/message.ts";
import { asRefusal, Refusal, refusals } from "../broker/refusal.ts";
import type { ServerContext } from "./context.ts";
import { deadLetterOutcome } from "./outgoing.ts";
import type { Reply } from "./requests.ts";
import { ARRAY, type Decoded, types } from "./rhea.ts";
import { longOf, readMessage, uuidBytes, uuidText, writeMessage } from "./wire.ts";

type Fields = Readonly<Record<string, unknown>>;
type OperationHandler = (entity: Entity, fields: Fields, context: ServerContext) => unknown;

const NO_CONTENT = Symbol("204");
/** Bytes of messages after which a reply takes no more. A request of a few bytes must not be answered by a whole queue. */
const MAX_REPLY_BYTES = 8_388_608;
const DESCRIPTIONS: Readonly<Record<number, string>> = { 200: "OK", 204: "No Content" };

/** Status codes by condition. Conditions that are not listed get 400. */
const STATUS: Readonly<Record<string, number>> = {
  "com.microsoft:message-lock-lost": 410,
  "com.microsoft:session-lock-lost": 410,
  "com.microsoft:message-not-found": 404,
  "com.microsoft:server-busy": 503,
};

/**
 * The operations of an entity's `$management` node, by their names in
 * https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response (2020-01-23).
 */
const OPERATIONS: Readonly<Record<string, OperationHandler>> = {
  "renew-lock": (entity, fields) => {
    const until = tokens(fields).map((token) => entity.renew(token));
    return { expirations: types.wrap_array(until, ARRAY.timestamp) };
  },

  "peek-message": (entity, fields) => {
    const from = longOf(fields["from-sequence-number"]);
    const found = entity.contents.range(from, Number(fields["message-count"]), text(fields["session-id"]));
    // Fewer messages than the client has asked for are no error. It asks again from the next one.
    const messages: { readonly message: Buffer }[] = [];
    for (let bytes = 0; bytes < MAX_REPLY_BYTES && messages.length < found.length;) {
      const message = withoutLock(found[messages.length] as BrokerMessage);
      messages.push({ message });
      bytes += message.length;
    }
    return messages.length === 0 ? NO_CONTENT : { messages };
  },

  "schedule-message": (entity, fields, { faults, counts, maxMessageBytes }) => {
    faults.beforeSend(entity.path);
    const encoded = fields["messages"] as readonly { readonly message: Buffer }[];
    const bytes = encoded.reduce((sum, { message }) => sum + message.length, 0);
    if (bytes > maxMessageBytes) throw refusals.tooLarge(bytes, maxMessageBytes);
    const messages = encoded.map(({ message }) => readMessage(message, entity.settings.requiresSession));
    counts.messagesIn += messages.length;
    const accepted = entity.enqueue(messages);
    return {
      "sequence-numbers": types.wrap_array(
        accepted.map(({ sequence }) => sequence),
        ARRAY.long,
      ),
    };
  },

  "cancel-scheduled-message": (entity, fields) => {
    entity.cancel(sequences(fields));
    return null;
  },

  "receive-by-sequence-number": (entity, fields) => {
    const deletes = Number(fields["receiver-settle-mode"]) === 0;
    const messages = entity.takeDeferred(sequences(fields), deletes, MAX_REPLY_BYTES);
    return {
      messages: messages.map((message) => ({
        message: writeMessage(message),
        "lock-token": types.wrap_uuid(uuidBytes(message.lock?.token ?? NO_TOKEN)),
      })),
    };
  },

  "update-disposition": (entity, fields, { faults, counts }) => {
    for (const token of tokens(fields)) {
      counts.settlements += 1;
      faults.beforeSettlement(entity.path);
      entity.settle(token, outcomeOf(fields));
    }
    return null;
  },

  "renew-session-lock": (entity, fields) => {
    const id = String(fields["session-id"]);
    const until = entity.sessions?.renew(id);
    if (until === undefined) throw refusals.sessionLockLost(id);
    return { expiration: types.wrap_timestamp(until) };
  },

  "get-session-state": (entity, fields) => ({
    "session-state": entity.sessions?.getState(String(fields["session-id"])) ?? null,
  }),

  "set-session-state": (entity, fields) => {
    const state = fields["session-state"];
    if (Buffer.isBuffer(state)) entity.assertRoom();
    entity.sessions?.setState(
      String(fields["session-id"]),
      Buffer.isBuffer(state) ? Buffer.from(state) : undefined,
    );
    return null;
  },

  "get-message-sessions": (entity, fields) => {
    const skip = Number(fields["skip"]);
    const ids = (entity.sessions?.ids() ?? []).slice(skip, skip + Number(fields["top"]));
    if (ids.length === 0) return NO_CONTENT;
    return { skip: types.wrap_int(skip + ids.length), "sessions-ids": types.wrap_array(ids, ARRAY.string) };
  },
};

/** Handles one request to the management node of an entity. Returns `undefined` if a fault drops the reply. */
export function handleManagementRequest(
  entity: Entity,
  request: Decoded,
  context: ServerContext,
): Reply | undefined {
  context.counts.managementRequests += 1;
  const name = String(request.application_properties?.["operation"]).replace("com.microsoft:", "");
  const reply = carryOut(name, entity, request, context);
  return context.faults.answersRequest(name, entity.path) ? reply : undefined;
}

function carryOut(name: string, entity: Entity, request: Decoded, context: ServerContext): Reply {
  try {
    const operation = OPERATIONS[name];
    if (operation === undefined)
      throw new Refusal("amqp:not-implemented", `The operation ${name} is not supported.`);
    context.faults.beforeRequest(name, entity.path);
    const result = operation(entity, (request.body ?? {}) as Fields, context);
    const status = result === NO_CONTENT ? 204 : 200;
    return {
      properties: { statusCode: types.wrap_int(status), statusDescription: DESCRIPTIONS[status] },
      body: result === NO_CONTENT ? null : result,
    };
  } catch (error) {
    const { condition, message } = asRefusal(error);
    return {
      properties: {
        statusCode: types.wrap_int(STATUS[condition] ?? 400),
        statusDescription: message,
        errorCondition: types.wrap_symbol(condition),
      },
      body: null,
    };
  }
}

const NO_TOKEN = "00000000-0000-0000-0000-000000000000";

function outcomeOf(fields: Fields): SettleOutcome {
  const properties = (fields["properties-to-modify"] ?? {}) as Fields;
  switch (fields["disposition-status"]) {
    case "completed":
      return { kind: "complete" };
    case "abandoned":
      return { kind: "abandon", properties };
    case "defered":
      return { kind: "defer", properties };
    case "suspended":
      return deadLetterOutcome({
        ...properties,
        DeadLetterReason: fields["deadletter-reason"],
        DeadLetterErrorDescription: fields["deadletter-description"],
      });
    default:
      throw new Refusal(
        "amqp:not-implemented",
        `Unknown disposition ${String(fields["disposition-status"])}.`,
      );
  }
}

/** A message as `peek-message` returns it: without its lock. */
function withoutLock(message: BrokerMessage): Buffer {
  return writeMessage({ ...message, lock: undefined });
}

function tokens(fields: Fields): string[] {
  return (fields["lock-tokens"] as readonly Buffer[]).map((token) => uuidText(token));
}

function sequences(fields: Fields): number[] {
  return (fields["sequence-numbers"] as readonly unknown[]).map(longOf);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
