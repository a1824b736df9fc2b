import { describe, expect, test } from "vitest";
import { memoryJobStore } from "../../../src/jobs/store/memory-job-store.ts";
import { faultyJobStore, type StoreFault } from "../../../src/jobs/testing/faulty-job-store.ts";
import type { JobStore } from "../../../src/jobs/store/job-store.ts";
import type { FakeClock } from "../../../src/testing/fake-clock.ts";
import { type Answered, ApiFixture } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

/** An API whose store can be switched off. */
class Outage implements AsyncDisposable {
  readonly fixture: ApiFixture;
  readonly #state: { fault: StoreFault | undefined };

  private constructor(fixture: ApiFixture, state: { fault: StoreFault | undefined }) {
    this.fixture = fixture;
    this.#state = state;
  }

  static async open(): Promise<Outage> {
    const state: { fault: StoreFault | undefined } = { fault: undefined };
    const store = (clock: FakeClock): JobStore =>
      faultyJobStore(memoryJobStore({ clock }), { before: () => state.fault, clock });
    return new Outage(await ApiFixture.open({ store }), state);
  }

  begin(fault: StoreFault): void {
    this.#state.fault = fault;
  }

  end(): void {
    this.#state.fault = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.fixture[Symbol.asyncDispose]();
  }
}

async function within(fixture: ApiFixture, answer: Promise<Answered>, ms = 15_000): Promise<Answered> {
  for (let passed = 0; passed < ms; passed += 500) await fixture.clock.advance(500);
  return answer;
}

describe.each<StoreFault>(["fail", "hang"])("while the job store is down (%s)", (kind) => {
  test("a plain job is sent, and answered by 202", async () => {
    await using outage = await Outage.open();
    const { fixture } = outage;
    outage.begin(kind);
    const { status, headers, body } = await within(fixture, fixture.post("/jobs", { ...job, priority: 2 }));
    expect(status).toBe(202);
    expect(headers.get("location")).toBeNull();
    expect(body).toEqual({
      id: body.id,
      type: "email",
      status: "queued",
      queue: "emails",
      priority: "high",
      tracked: false,
    });
    expect((await fixture.jobs.queue.stats("emails")).messages).toBe(1);
  });

  test("no caller is shown the error of the store, which names its file or its host", async () => {
    await using outage = await Outage.open();
    const { fixture } = outage;
    const { body } = await fixture.post("/jobs", job);
    outage.begin(kind);
    for (const path of ["/jobs", `/jobs/${body.id}`, `/jobs/${body.id}/events`, "/queues", "/workers"]) {
      const answer = await within(fixture, fixture.get(path));
      expect([path, answer.status, answer.body.detail]).toEqual([
        path,
        503,
        "The job store could not be used. Repeat the request when it is back.",
      ]);
    }
    expect(String(fixture.errors[0])).toContain("store");
  });

  test.each([
    ["with an Idempotency-Key", job, { "idempotency-key": "k1" }],
    ["with an id", { ...job, id: "order-1" }, {}],
    ["with a delay", { ...job, delay_ms: 1_000 }, {}],
  ])("a job %s is refused with 503, and not sent", async (_, body, headers) => {
    await using outage = await Outage.open();
    const { fixture } = outage;
    outage.begin(kind);
    const answer = await within(fixture, fixture.post("/jobs", body, { headers }));
    expect({ status: answer.status, code: answer.body.code }).toEqual({
      status: 503,
      code: "store_unavailable",
    });
    expect(answer.headers.get("retry-after")).toBe("5");
    expect((await fixture.jobs.queue.stats("emails")).messages).toBe(0);
  });

  test("a read is refused with 503, and health says what is wrong", async () => {
    await using outage = await Outage.open();
    const { fixture } = outage;
    outage.begin(kind);
    for (const path of ["/jobs", "/jobs/a", "/jobs/a/result", "/queues", "/workers", "/stats"]) {
      const { status, body } = await within(fixture, fixture.get(path));
      expect([path, status, body.code]).toEqual([path, 503, "store_unavailable"]);
    }
    for (const path of ["/health/jobs", "/health/queues", "/health/workers"]) {
      const { status, body } = await within(fixture, fixture.get(path));
      expect([path, status, body.status]).toEqual([path, 503, "failing"]);
      expect(body.problems.length).toBeGreaterThan(0);
    }
    outage.end();
    await fixture.clock.advance(10_000);
    expect((await within(fixture, fixture.get("/health/jobs"))).body.status).toBe("ok");
  });

  test("types that are defined stay known", async () => {
    await using outage = await Outage.open();
    const { fixture } = outage;
    outage.begin(kind);
    const { status, body } = await within(fixture, fixture.get("/types"), 25_000);
    expect(status).toBe(200);
    expect(body.types).toMatchObject([{ type: "email", queue: "emails", is_defined: true, workers: 0 }]);
  });
});

test("an error that nobody foresaw is internal, and reported", async () => {
  await using fixture = await ApiFixture.open();
  const broken = new Error("secret-host:5432");
  Object.assign(fixture.jobs, { list: () => Promise.reject(broken) });
  const { status, body } = await fixture.get("/jobs");
  expect({ status, code: body.code }).toEqual({ status: 500, code: "internal" });
  expect(JSON.stringify(body)).not.toContain("secret-host");
  expect(fixture.errors).toEqual([broken]);
});

test("without onError, an error is a warning of the process, once a minute for each code", async () => {
  await using fixture = await ApiFixture.open({ api: { onError: undefined } });
  const warned: Error[] = [];
  const listener = (warning: Error): unknown => warned.push(warning);
  process.on("warning", listener);
  Object.assign(fixture.jobs, { list: () => Promise.reject(new Error("broken")) });
  for (let n = 0; n < 3; n += 1) await fixture.get("/jobs");
  await fixture.clock.advance("1m");
  await fixture.get("/jobs");
  // Node emits a warning in a later tick.
  await new Promise(setImmediate);
  process.off("warning", listener);
  expect(warned.map(({ message }) => message.split("\n")[0])).toEqual([
    "The REST API could not answer a request: Error: broken",
    "The REST API could not answer a request: Error: broken",
  ]);
});
