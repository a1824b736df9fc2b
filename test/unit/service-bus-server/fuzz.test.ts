import rhea from "rhea";
import { afterAll, expect, test } from "vitest";
import { FrameReader } from "../../../servers/service-bus/amqp/frames.ts";
import { checkMessage } from "../../../servers/service-bus/amqp/sections.ts";
import { readMessage, writeMessage } from "../../../servers/service-bus/amqp/wire.ts";
import { acceptedMessage } from "../../../servers/service-bus/broker/message.ts";
import { Refusal } from "../../../servers/service-bus/broker/refusal.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import {
  amqp,
  AMQP_HEADER,
  CODE,
  composite,
  encode,
  frame,
  frames,
  nested,
  RawClient,
} from "../../support/raw-amqp.ts";
import { clientOf } from "./fixture.ts";

/** `QUEUEPORT_FUZZ` sets the factor for longer runs, and `QUEUEPORT_FUZZ_SEED` another seed. */
const FACTOR = Number(process.env["QUEUEPORT_FUZZ"] ?? 1);
const SEED = Number(process.env["QUEUEPORT_FUZZ_SEED"] ?? 1);
/** Longest time for one input. */
const PROMPT_MS = 100;

/** Random numbers below 1 (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = generator(SEED);
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;

/** Type codes of AMQP, and some that do not exist. */
const TYPES = [
  0x00, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x52, 0x53, 0x56, 0x60, 0x70, 0x71, 0x72, 0x74, 0x80,
  0x83, 0x94, 0x98, 0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3, 0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xf0, 0xff,
];
const NUMBERS = [0, 1, 2, 127, 128, 255, 256, 65_535, 65_536, 2_147_483_647, 2_147_483_648, 4_294_967_295];
const HEAD = 8;

/** Changes bytes of a frame or message: types, lengths, numbers, nesting. `from` is the first byte that may change. */
function mutated(bytes: Buffer, from: number): Buffer {
  let copy = Buffer.from(bytes);
  for (let changes = 1 + below(3); changes > 0 && copy.length > from; changes -= 1) {
    const at = from + below(copy.length - from);
    switch (below(7)) {
      case 0:
        copy[at] = below(256);
        break;
      case 1:
        copy[at] = pick(TYPES);
        break;
      case 2:
        if (at + 4 <= copy.length) copy.writeUInt32BE(pick(NUMBERS), at);
        break;
      case 3:
        copy = copy.subarray(0, at);
        break;
      case 4:
        copy = Buffer.concat([copy.subarray(0, at), Buffer.from([pick(TYPES)]), copy.subarray(at)]);
        break;
      case 5:
        copy = Buffer.concat([copy.subarray(0, at), nested(below(200)), copy.subarray(at + 1)]);
        break;
      default:
        copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + below(4))]);
    }
  }
  return copy;
}

/** Changes the content of a frame, and writes the size that it then has; now and then a wrong one. */
function mutatedFrame(valid: Buffer): Buffer {
  const changed = mutated(valid, random() < 0.1 ? 4 : HEAD);
  changed.writeUInt32BE(random() < 0.02 ? pick(NUMBERS) : changed.length);
  return changed;
}

const properties = composite(0x73, [
  "id",
  Buffer.from("me"),
  "to",
  "subject",
  "reply",
  7,
  amqp.wrap_symbol("json"),
]);
const messages: readonly Buffer[] = [
  rhea.message.encode({
    message_id: "1",
    group_id: "g",
    application_properties: { a: 1, b: "two", c: true },
    message_annotations: {
      "x-opt-partition-key": "p",
      "x-opt-scheduled-enqueue-time": new Date(0),
      mine: [1],
    },
    body: { list: [1, "two", null, { deep: true }], bytes: Buffer.from("b") },
    ttl: 1_000,
    durable: true,
    priority: 3,
  }),
  Buffer.concat([encode(properties), encode(composite(0x77, [1, [2, [3]]]))]),
  Buffer.concat([
    encode(amqp.described(amqp.wrap_ulong(0x74), amqp.wrap({ name: "value", when: new Date(1) }))),
    encode(amqp.described(amqp.wrap_ulong(0x75), amqp.wrap_binary(Buffer.from("data")))),
    encode(amqp.described(amqp.wrap_ulong(0x75), amqp.wrap_binary(Buffer.from("more")))),
  ]),
  Buffer.concat([encode(composite(0x76, [1])), encode(composite(0x76, [2]))]),
];
const failed = composite(0x1d, [amqp.wrap_symbol("amqp:internal-error"), "text"]);
const validFrames = (): readonly Buffer[] => [
  frames.open(["raw", "localhost", amqp.wrap_uint(65_536), amqp.wrap_ushort(10), amqp.wrap_uint(60_000)]),
  frames.begin(1),
  frames.sends(2, "q"),
  frames.receives(3, "q"),
  frames.receives(4, "q", "filtered", { "com.microsoft:session-filter": "s" }),
  frames.credit(3, 5, [null, true, true]),
  frames.transfer(2, 1, pick(messages)),
  frames.transfer(2, 1, pick(messages), true),
  frames.token(0, 1),
  frames.disposition(0, 5, composite(0x24, [])),
  frames.disposition(0, 5, composite(0x25, [failed])),
  frames.disposition(0, 5, composite(0x27, [true, true, amqp.wrap_symbolic_map({ a: 1 })])),
  frames.detach(2),
  frame(CODE.end, [failed]),
  frame(CODE.close, [failed]),
];

/** Runs `work`. Returns whether it was refused. Fails if it takes too long, or throws anything but a refusal. */
function isRefused(input: Buffer, work: () => void): boolean {
  const startedAt = process.cpuUsage();
  const failure = failureOf(work);
  // The time of the processor, since the process may be suspended for a while.
  const { user, system } = process.cpuUsage(startedAt);
  if (user + system > PROMPT_MS * 1_000)
    throw new Error(`${user + system} µs: ${input.toString("hex")}`, { cause: failure });
  if (failure !== undefined && !(failure instanceof Refusal))
    throw new Error(input.toString("hex"), { cause: failure });
  return failure !== undefined;
}

function failureOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

test("frames with random changes are refused or read, at once", () => {
  const types = rhea.types as unknown as typeof amqp;
  let refused = 0;
  const count = 5_000 * FACTOR;
  for (let round = 0; round < count; round += 1) {
    const input = mutatedFrame(pick(validFrames()));
    const passed: Buffer[] = [];
    const reader = new FrameReader({
      onSasl() {},
      onSaslInit: () => true,
      onAmqp: (bytes) => void passed.push(bytes),
    });
    reader.push(AMQP_HEADER);
    passed.length = 0;
    if (isRefused(input, () => reader.push(input))) refused += 1;
    // rhea decodes what passes.
    for (const bytes of passed)
      if (bytes.length > HEAD) new types.Reader(bytes.subarray(4 * (bytes[4] ?? 2))).read();
  }
  expect(refused).toBeGreaterThan(count / 4);
  expect(refused).toBeLessThan(count);
});

test("messages with random changes are refused, or are decoded by rhea as they were stored", () => {
  let refused = 0;
  const count = 5_000 * FACTOR;
  for (let round = 0; round < count; round += 1) {
    const input = mutated(pick(messages), 0);
    const isDamaged = isRefused(input, () => {
      checkMessage(input);
      const message = acceptedMessage(readMessage(input, false), 1, 0);
      rhea.message.decode(writeMessage(message));
    });
    if (isDamaged) refused += 1;
  }
  expect(refused).toBeGreaterThan(count / 4);
  expect(refused).toBeLessThan(count);
});

const server = await startServiceBusServer({ queues: ["q"], maxMessageBytes: 50_000 });
const sdk = clientOf(server);
afterAll(async () => {
  await sdk.close();
  await server.stop();
});

test("connections with random changes in their frames end or go on, and the server serves others all the time", async () => {
  const sender = sdk.createSender("q");
  const receiver = sdk.createReceiver("q", { receiveMode: "receiveAndDelete" });
  for (let round = 0; round < 60 * FACTOR; round += 1) {
    const client = await RawClient.signedIn(server);
    client.write(frames.sends(2, "q"), frames.receives(3, "q"));
    client.write(...Array.from({ length: 1 + below(5) }, () => pick(validFrames())));
    client.write(...Array.from({ length: 1 + below(3) }, () => mutatedFrame(pick(validFrames()))));
    const startedAt = performance.now();
    if (round % 10 === 0) {
      await sender.sendMessages({ body: "good" });
      while ((await receiver.receiveMessages(10, { maxWaitTimeInMs: 10 })).length > 0);
    } else await new Promise(setImmediate);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    client.close();
  }
});
