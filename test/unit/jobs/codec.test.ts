import { describe, expect, test } from "vitest";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { EncodedPayload, PayloadCodec } from "../../../src/message/codec.ts";
import { createJobs, type JobSendOptions } from "../../../src/jobs/index.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import { recordOf } from "../../../src/jobs/job-record.ts";
import { MINUTE, type QueueFixtureOptions } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const SECRET = "4111-1111";
const mail = { type: "mail", payload: { card: SECRET } };

/** Encrypts for the eye of a test: each encoding of a payload differs from the one before. */
function secretCodec(): PayloadCodec & { encoded: number; decoded: string[] } {
  const codec = {
    encoded: 0,
    decoded: [] as string[],
    encode(json: string): EncodedPayload | undefined {
      codec.encoded += 1;
      return { encoding: "b64", payload: { n: codec.encoded, text: Buffer.from(json).toString("base64") } };
    },
    decode({ payload }: { readonly payload: unknown }, { id }: { readonly id: string }) {
      codec.decoded.push(id);
      const { text } = payload as { text: string };
      return JSON.parse(Buffer.from(text, "base64").toString()) as unknown;
    },
  };
  return codec;
}

/** Jobs over a queue with a codec, and everything that was written into their store. */
class CodecFixture extends JobsFixture {
  readonly codec: ReturnType<typeof secretCodec>;
  #written = "";

  constructor(options: QueueFixtureOptions = {}) {
    const codec = secretCodec();
    super({ ...options, hooks: { codec, ...options.hooks } });
    this.codec = codec;
    this.storeFault = ({ changes }) => {
      for (const change of changes)
        this.#written += JSON.stringify([change, "seed" in change ? change.seed?.() : undefined]);
      return undefined;
    };
  }

  /** The text of all changes that the store was given. */
  get written(): string {
    return this.#written;
  }

  async handled(jobs: Awaited<ReturnType<JobsFixture["jobs"]>>): Promise<unknown[]> {
    const payloads: unknown[] = [];
    const worker = jobs.worker().register("mail", ({ payload }) => {
      payloads.push(payload);
    });
    await worker.start("jobs");
    await this.clock.advance(2 * MINUTE);
    await worker.stop();
    return payloads;
  }
}

describe("the record of a job whose payload a codec encodes", () => {
  test.each<[string, Partial<NewMessage>, JobSendOptions]>([
    ["sent at once", {}, {}],
    ["with an id", { id: "a" }, {}],
    ["with an idempotency key", {}, { idempotencyKey: "k" }],
    ["with a delay", {}, { delay: "1m" }],
  ])(
    "never holds it in clear, and shows it in clear to who has the codec, if it is %s",
    async (_, message, options) => {
      const fixture = new CodecFixture();
      const jobs = await fixture.jobs();
      const { id, tracked } = await jobs.send({ ...mail, ...message }, options);
      expect(tracked).toBe(true);
      expect(await fixture.handled(jobs)).toEqual([mail.payload]);

      expect(await jobs.get(id, ["payload"])).toMatchObject({ status: "completed", payload: mail.payload });
      expect(await jobs.get(id, ["payload"])).not.toHaveProperty("payloadEncoding");
      const [stored] = await fixture.store.get(jobs.namespace, [id], ["message"]);
      expect(stored?.message).toMatchObject({ encoding: "b64", payload: { n: 1 } });
      expect(fixture.written).not.toContain(SECRET);
      expect(fixture.codec.encoded).toBe(1);
    },
  );

  test("is sent again as it is by a retry, also by a process without the codec", async () => {
    const fixture = new CodecFixture();
    const jobs = await fixture.jobs();
    const { id } = await jobs.send({ ...mail, id: "a" });
    expect(await fixture.handled(jobs)).toEqual([mail.payload]);
    const other = createQueue(fixture.driver, { clock: fixture.clock });
    const { namespace, store } = jobs;
    const without = await createJobs(other, { store, namespace, queueOf: () => "jobs" });
    await without.retry(id, { force: true });
    await fixture.clock.settle();

    expect(await fixture.handled(jobs)).toEqual([mail.payload]);
    expect(await jobs.get(id)).toMatchObject({ status: "completed" });
    expect(fixture.codec.encoded).toBe(1);
    expect(fixture.written).not.toContain(SECRET);
  });

  test("says how it is encoded to who has no codec, or one that fails", async () => {
    const fixture = new CodecFixture();
    const jobs = await fixture.jobs();
    const { id } = await jobs.send(mail);
    const { namespace, store } = jobs;
    const other = createQueue(fixture.driver, { clock: fixture.clock });
    const without = await createJobs(other, { store, namespace, queueOf: () => "jobs" });
    const encoded = { payload: { n: 1 }, payloadEncoding: "b64" };
    const job = await without.get(id, ["payload"]);
    expect(job).toMatchObject(encoded);
    expect(job && recordOf(job)).toMatchObject({ payload: { n: 1 }, payload_encoding: "b64" });

    fixture.codec.decode = () => {
      throw new Error("the key is gone");
    };
    expect(await jobs.get(id, ["payload"])).toMatchObject(encoded);
    expect(fixture.warnings).toMatchObject([["decode", expect.stringContaining("the key is gone")]]);
  });

  test("is completed by the claim of a worker if the job was not recorded when it was sent", async () => {
    const fixture = new CodecFixture();
    const jobs = await fixture.jobs();
    const { id } = await fixture.queue.send("jobs", mail);
    expect(await fixture.handled(jobs)).toEqual([mail.payload]);

    expect(await jobs.get(id, ["payload"])).toMatchObject({ payload: mail.payload });
    expect(fixture.written).not.toContain(SECRET);
  });

  test("does not have the codec encode a message with the id of a job that is there", async () => {
    const fixture = new CodecFixture();
    const jobs = await fixture.jobs();
    await jobs.send({ ...mail, id: "a" });
    expect(await jobs.send({ ...mail, id: "a" })).toMatchObject({ created: false });
    const differs = jobs.send({ ...mail, id: "a", payload: { card: "another" } });

    await expect(differs).rejects.toMatchObject({ code: "conflict" });
    expect(fixture.codec.encoded).toBe(1);
  });

  test("holds a payload in clear that the codec leaves in clear", async () => {
    const fixture = new CodecFixture();
    fixture.codec.encode = () => undefined;
    const jobs = await fixture.jobs();
    const [one, other] = [await jobs.send(mail), await jobs.send({ ...mail, id: "a" })];
    for (const { id } of [one, other]) {
      const [stored] = await fixture.store.get(jobs.namespace, [id], ["message"]);
      expect(stored?.message).toMatchObject({ payload: mail.payload });
      expect(stored?.message?.encoding).toBe(undefined);
    }
  });

  test("is not written, and nothing is sent, if the codec fails", async () => {
    const fixture = new CodecFixture();
    fixture.codec.encode = () => {
      throw new Error("no key");
    };
    const jobs = await fixture.jobs();
    for (const message of [mail, { ...mail, id: "a" }])
      await expect(jobs.send(message)).rejects.toMatchObject({ code: "send_failed" });
    expect((await jobs.list()).jobs).toEqual([]);
    expect(await fixture.messages()).toEqual([]);
  });

  test("keeps the payload that an interceptor gave in place of the sender's, encoded, in each message", async () => {
    const fixture = new CodecFixture({
      hooks: {
        interceptors: [
          { send: ({ message }, next) => next({ ...message, payload: { card: `${SECRET}!` } }) },
        ],
      },
    });
    const jobs = await fixture.jobs();
    await jobs.send(mail);
    await jobs.send(mail, { delay: "1m" });
    expect(await fixture.handled(jobs)).toEqual([{ card: `${SECRET}!` }, { card: `${SECRET}!` }]);
    expect(fixture.written).not.toContain(SECRET);
  });

  test("does not show the payload in the end of a run that the store did not see begin", async () => {
    const fixture = new CodecFixture();
    const jobs = await fixture.jobs();
    const { id } = await fixture.queue.send("jobs", mail);
    const { storeFault } = fixture;
    let isDown = true;
    fixture.storeFault = (call) => storeFault(call) ?? (isDown ? "fail" : undefined);
    const payloads = await fixture.handled(jobs);
    expect(payloads).toEqual([mail.payload]);
    isDown = false;
    await fixture.clock.advance(MINUTE);

    expect(await jobs.get(id, ["payload"])).toMatchObject({ status: "completed", payload: mail.payload });
    expect(fixture.written).not.toContain(SECRET);
  });
});
