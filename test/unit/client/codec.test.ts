import { describe, expect, test, vi } from "vitest";
import { PermanentError } from "../../../src/errors.ts";
import type { PayloadCodec, PayloadJob } from "../../../src/message/codec.ts";
import type { Message } from "../../../src/message/message.ts";
import { Fixture } from "../receive/fixture.ts";
import { watch } from "../support.ts";

/** Keeps payloads of more than 20 characters elsewhere, as a claim-check does. */
class Store implements PayloadCodec {
  readonly kept = new Map<string, string>();
  readonly jobs: (PayloadJob & { readonly maxBytes?: number })[] = [];

  encode: PayloadCodec["encode"] = async (json, job) => {
    this.jobs.push(job);
    if (json.length <= 20) return undefined;
    this.kept.set(job.id, json);
    return { encoding: "ref", payload: { key: job.id } };
  };

  decode: PayloadCodec["decode"] = async ({ payload, encoding }, job) => {
    this.jobs.push(job);
    const json = this.kept.get((payload as { readonly key: string }).key);
    if (encoding !== "ref" || json === undefined) throw new Error("the payload is not in the store");
    return JSON.parse(json) as unknown;
  };
}

const never = (): never => {
  throw new Error("nothing is decoded");
};
const large = { text: "a text of more than twenty characters" };

describe("a codec", () => {
  test("encodes a payload before it is sent, and decodes it before the handler runs", async () => {
    const codec = new Store();
    const fixture = new Fixture({ hooks: { codec } });
    await fixture.queue.send("jobs", { id: "1", type: "mail", payload: large, headers: { tenant: "t1" } });

    const [sent] = await fixture.peek("jobs");
    expect(JSON.parse(String(sent?.body))).toMatchObject({
      id: "1",
      type: "mail",
      payload: { key: "1" },
      payload_encoding: "ref",
      headers: { tenant: "t1" },
    });
    const seen: Message[] = [];
    fixture.receive((message) => void seen.push(message));
    await fixture.clock.settle();

    expect(seen).toMatchObject([{ id: "1", payload: large, headers: { tenant: "t1" } }]);
    expect(codec.jobs).toMatchObject([
      { id: "1", type: "mail", queue: "jobs", maxBytes: fixture.driver.limits.maxMessageBytes },
      { id: "1", type: "mail", queue: "jobs" },
    ]);
  });

  test("may leave a payload as it is", async () => {
    const fixture = new Fixture({ hooks: { codec: new Store() } });
    await fixture.queue.send("jobs", { type: "mail", payload: 7 });

    expect(String((await fixture.peek("jobs"))[0]?.body)).toContain('"payload":7,"max_attempts"');
  });

  test("makes room for a payload that the provider does not take", async () => {
    const fixture = new Fixture({ emulate: "sqs", hooks: { codec: new Store() } });
    const payload = "x".repeat(2_000_000);

    await fixture.queue.send("jobs", { type: "mail", payload });

    expect(await fixture.peek("jobs")).toHaveLength(1);
  });

  test("gets a payload that its schema has accepted, and the message as it was when send was called", async () => {
    const codec = new Store();
    const fixture = new Fixture({ hooks: { codec } });
    const headers: Record<string, string> = { tenant: "t1" };
    const payload = { ...large };
    const sent = fixture.queue.send("jobs", { type: "mail", payload, headers });
    headers["tenant"] = "t2";
    payload.text = "changed";
    await sent;

    const body = JSON.parse(String((await fixture.peek("jobs"))[0]?.body)) as { headers: object };
    expect(body.headers).toEqual({ tenant: "t1" });
    expect([...codec.kept.values()]).toEqual([JSON.stringify(large)]);
  });

  test("that fails refuses the send", async () => {
    const codec: PayloadCodec = { decode: never, encode: () => Promise.reject(new Error("no space")) };
    const fixture = new Fixture({ hooks: { codec } });

    await expect(fixture.queue.send("jobs", { type: "mail", payload: large })).rejects.toMatchObject({
      code: "send_failed",
      retryable: true,
      message: expect.stringContaining("no space") as string,
    });
    expect(await fixture.peek("jobs")).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["no payload", { encoding: "ref", payload: undefined }],
    ["no name", { payload: 1 }],
    ["an empty name", { encoding: "", payload: 1 }],
  ])("that returns %s refuses the send", async (_, encoded) => {
    const codec: PayloadCodec = { decode: never, encode: () => encoded as never };
    const fixture = new Fixture({ hooks: { codec } });

    await expect(fixture.queue.send("jobs", { type: "mail", payload: large })).rejects.toMatchObject({
      code: "invalid_options",
    });
  });

  test("that does not answer ends the send at its deadline, and its signal is aborted", async () => {
    let signal: AbortSignal | undefined;
    const codec: PayloadCodec = {
      decode: never,
      encode: (_, job) => {
        ({ signal } = job);
        return new Promise(() => {});
      },
    };
    const fixture = new Fixture({ hooks: { codec } });
    const sent = watch(fixture.queue.send("jobs", { type: "mail", payload: large }, { deadlineMs: "2s" }));

    await fixture.clock.advance(2_000);

    expect(sent.error).toMatchObject({ code: "send_timeout" });
    expect(signal?.aborted).toBe(true);
  });

  test("that cannot decode fails the run, which is retried with the payload byte for byte", async () => {
    const codec = new Store();
    const fixture = new Fixture({ hooks: { codec } });
    await fixture.queue.send("jobs", { id: "1", type: "mail", payload: large });
    const json = codec.kept.get("1") as string;
    codec.kept.clear();
    const handler = vi.fn<(message: Message) => void>();

    fixture.receive(handler);
    await fixture.clock.settle();
    expect(handler).not.toHaveBeenCalled();
    expect(String(fixture.events.of("failed")[0]?.error)).toContain("not in the store");

    codec.kept.set("1", json);
    await fixture.clock.advance(60_000);
    expect(handler.mock.calls[0]?.[0]).toMatchObject({ id: "1", payload: large });
  });

  test("that has not decoded after five minutes fails the run, so that its slot is free", async () => {
    const codec = new Store();
    const fixture = new Fixture({ hooks: { codec } });
    await fixture.queue.send("jobs", { id: "1", type: "mail", payload: large });
    codec.decode = () => new Promise(() => {});
    const handled: string[] = [];
    fixture.receive((message) => void handled.push(message.id), { concurrency: 1 });
    await fixture.clock.settle();
    await fixture.queue.send("jobs", { id: "2", type: "mail", payload: {} });

    await fixture.clock.advance(301_000);

    expect(fixture.events.of("failed")[0]?.error).toMatchObject({ code: "timeout" });
    expect(handled).toEqual(["2"]);
  });

  test("that throws a PermanentError dead-letters the job, whose redrive can be transformed", async () => {
    const codec = new Store();
    const fixture = new Fixture({ hooks: { codec } });
    await fixture.queue.send("jobs", { id: "1", type: "mail", payload: large });
    const { decode } = codec;
    codec.decode = () => {
      throw new PermanentError("the key is gone");
    };
    fixture.receive(() => undefined);
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.settle();
    expect(fixture.events.of("dead_lettered")).toMatchObject([{ reason: "permanent_error" }]);

    codec.decode = decode;
    const redriven = await fixture.queue.deadLetters("jobs").redrive({
      transform: (message) =>
        message && { type: message.type, payload: { ...(message.payload as object), again: "and again" } },
    });

    expect(redriven).toMatchObject({ redriven: 1 });
    expect(JSON.parse(codec.kept.get("1") as string)).toEqual({ ...large, again: "and again" });
  });

  test("that is missing dead-letters an encoded payload as malformed, with its id and type, and a transform fails", async () => {
    const body = '{"id":"1","type":"mail","payload":{"key":"1"},"payload_encoding":"ref"}';
    const fixture = new Fixture();
    await fixture.plant("jobs", { body });
    fixture.receive(() => undefined);
    await fixture.clock.settle();
    fixture.stop.abort();
    await fixture.clock.settle();

    const deadLetters = fixture.queue.deadLetters("jobs");
    expect(await deadLetters.list()).toMatchObject([
      { id: "1", info: { reason: "malformed" }, message: { type: "mail" }, body },
    ]);
    const errors: unknown[] = [];
    const result = await deadLetters.redrive({
      transform: (message) => message,
      onMessage: (step) => errors.push("error" in step ? step.error : undefined),
    });
    expect(result).toMatchObject({ failed: 1, redriven: 0 });
    expect(errors).toMatchObject([{ code: "not_supported" }]);
  });
});

test("a codec whose decode returns undefined fails the run, and no handler gets it as the payload", async () => {
  const handler = vi.fn<() => void>();
  const forgetful = { encode: () => ({ payload: 1, encoding: "x" }), decode: () => undefined };
  const fixture = new Fixture({ hooks: { codec: forgetful } });
  await fixture.send("mail");

  fixture.receive(handler);
  await fixture.clock.settle();

  expect(handler).not.toHaveBeenCalled();
  expect(String(fixture.events.of("failed")[0]?.error)).toContain("returned undefined");
  fixture.stop.abort();
});

test("a codec whose encode returns what JSON cannot hold refuses the send with a typed error", async () => {
  const codec = { encode: () => ({ payload: 5n, encoding: "x" }), decode: never };
  const fixture = new Fixture({ hooks: { codec } });

  await expect(fixture.queue.send("jobs", { type: "mail", payload: 1 })).rejects.toMatchObject({
    code: "invalid_options",
  });
});
