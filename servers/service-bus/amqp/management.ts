import type { Entity } from "../broker/entity.ts";
import type { Settlement, StoredMessage } from "../broker/message.ts";
import { Refusal, refusals } from "../broker/refusal.ts";
import type { Context } from "./context.ts";
import { deadLetter } from "./outgoing.ts";
import { asRefusal } from "./incoming.ts";
import type { Reply } from "./replies.ts";
import { ARRAY, type Decoded, types } from "./rhea.ts";
import { longOf, readMessage, uuidBytes, uuidText, writeMessage } from "./wire.ts";

type Fields = Readonly<Record<string, unknown>>;
type Operation = (entity: Entity, fields: Fields, context: Context) => unknown;

const NO_CONTENT = Symbol("204");
const DESCRIPTIONS: Readonly<Record<number, string>> = { 200: "OK", 204: "No Content" };

/** What is answered where an operation is refused; 400 where it is not listed. */
const STATUS: Readonly<Record<string, number>> = {
  "com.microsoft:message-lock-lost": 410,
  "com.microsoft:session-lock-lost": 410,
  "com.microsoft:message-not-found": 404,
  "com.microsoft:server-busy": 503,
};

/** The operations of an entity's `$management` node, as the service's documentation of its protocol names them. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  "renew-lock": (entity, fields) => {
    const until = tokens(fields).map((token) => entity.renew(token));
    return { expirations: types.wrap_array(until, ARRAY.timestamp) };
  },

  "peek-message": (entity, fields) => {
    const from = longOf(fields["from-sequence-number"]);
    const found = entity.contents.range(from, Number(fields["message-count"]), text(fields["session-id"]));
    return found.length === 0
      ? NO_CONTENT
      : { messages: found.map((message) => ({ message: unlocked(message) })) };
  },

  "schedule-message": (entity, fields, { faults, counts, maxMessageBytes }) => {
    faults.beforeSend(entity.path);
    const entries = fields["messages"] as readonly { readonly message: Buffer }[];
    const bytes = entries.reduce((sum, { message }) => sum + message.length, 0);
    if (bytes > maxMessageBytes) throw refusals.tooLarge(bytes, maxMessageBytes);
    const messages = entries.map(({ message }) => readMessage(message, entity.settings.requiresSession));
    counts.messagesIn += messages.length;
    const stored = entity.enqueue(messages);
    return {
      "sequence-numbers": types.wrap_array(
        stored.map(({ sequence }) => sequence),
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
    const messages = entity.takeDeferred(sequences(fields), deletes);
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
      entity.settle(token, settlementOf(fields));
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

/** Carries out one request to an entity. Undefined where a fault keeps back the answer. */
export function answerManagement(entity: Entity, request: Decoded, context: Context): Reply | undefined {
  context.counts.managementRequests += 1;
  const name = String(request.application_properties?.["operation"]).replace("com.microsoft:", "");
  const reply = carryOut(name, entity, request, context);
  return context.faults.answersRequest(name, entity.path) ? reply : undefined;
}

function carryOut(name: string, entity: Entity, request: Decoded, context: Context): Reply {
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

function settlementOf(fields: Fields): Settlement {
  const properties = (fields["properties-to-modify"] ?? {}) as Fields;
  switch (fields["disposition-status"]) {
    case "completed":
      return { kind: "complete" };
    case "abandoned":
      return { kind: "abandon", properties };
    case "defered":
      return { kind: "defer", properties };
    case "suspended":
      return deadLetter({
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

/** Who only looks is not told of locks. */
function unlocked(message: StoredMessage): Buffer {
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
