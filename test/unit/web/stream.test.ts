import { describe, expect, test } from "vitest";
import { ApiFixture } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

interface SseEvent {
  readonly event: string;
  readonly id?: string;
  readonly data: any;
}

/** Reads a stream of events, as a browser does. */
class Stream {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #fixture: ApiFixture;
  text = "";

  constructor(response: Response, fixture: ApiFixture) {
    if (response.body === null) throw new Error("there is no body");
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    this.#fixture = fixture;
    void this.#read();
  }

  isOver = false;

  async #read(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.text += value;
    }
    this.isOver = true;
  }

  /** Lets everything happen that is due, and returns all events so far. */
  async events(): Promise<SseEvent[]> {
    await this.#fixture.clock.settle();
    return this.text
      .split("\n\n")
      .filter((block) => /^event: /m.test(block))
      .map((block) => {
        const fieldOf = (name: string): string | undefined =>
          new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
        const id = fieldOf("id");
        return {
          event: fieldOf("event") ?? "",
          ...(id === undefined ? {} : { id }),
          data: JSON.parse(fieldOf("data") ?? "null"),
        };
      });
  }

  async names(): Promise<string[]> {
    return (await this.events()).map(({ event }) => event);
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

async function follow(
  fixture: ApiFixture,
  path: string,
  headers: Record<string, string> = {},
): Promise<Stream> {
  const response = await fixture.raw(path, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  const stream = new Stream(response, fixture);
  await fixture.clock.settle();
  return stream;
}

async function sent(fixture: ApiFixture, extra: object = {}): Promise<string> {
  const { body } = await fixture.post("/jobs", { ...job, ...extra });
  return body.id;
}

describe("GET /jobs/:id/events", () => {
  test("shows the job as it is, then its events, and ends with it", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    const stream = await follow(fixture, `/api/v1/jobs/${id}/events`);
    await sent(fixture);
    await fixture.run(id, "retrying", { inMs: 0, error: { message: "refused" } });
    await fixture.clock.advance(1_000);
    await fixture.run(id, "completed");
    await fixture.clock.advance(1_000);
    const events = await stream.events();
    expect(events[0]).toMatchObject({ event: "job.snapshot", data: { job: { id, status: "queued" } } });
    expect(events.at(-1)).toMatchObject({
      event: "job.completed",
      data: { job: { id, status: "completed" } },
    });
    expect(events.find(({ event }) => event === "job.failed")?.data.will_retry).toBe(true);
    expect(new Set(events.map(({ data }) => data.job.id))).toEqual(new Set([id]));
    expect(stream.isOver).toBe(true);
  });

  test("ends with the dead letter of a job that fails for good", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    const stream = await follow(fixture, `/jobs/${id}/events`);
    await fixture.run(id, "failed", { error: { message: "no" }, deadLetterReason: "permanent" });
    await fixture.clock.advance(1_000);
    expect((await stream.names()).slice(-2)).toEqual(["job.failed", "job.dead_lettered"]);
    expect(stream.isOver).toBe(true);
  });

  test("shows a job that is over once, and answers 204 to a browser that connects again", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    await fixture.run(id, "completed");
    const stream = await follow(fixture, `/jobs/${id}/events`);
    expect(await stream.names()).toEqual(["job.snapshot"]);
    expect(stream.isOver).toBe(true);
    const again = await fixture.get(`/jobs/${id}/events`, { headers: { "last-event-id": "whatever" } });
    expect(again.status).toBe(204);
  });
});

describe("GET /events", () => {
  test("streams the events of the jobs that the filter selects", async () => {
    await using fixture = await ApiFixture.open();
    const stream = await follow(fixture, "/events?tenant=acme&type=email");
    const id = await sent(fixture, { tenant: "acme" });
    await sent(fixture, { tenant: "umbrella" });
    await fixture.run(id, "completed");
    await fixture.clock.advance(1_000);
    const events = await stream.events();
    expect(new Set(events.map(({ data }) => data.job.id))).toEqual(new Set([id]));
    expect(events.at(-1)?.event).toBe("job.completed");
    expect(stream.isOver).toBe(false);
    await stream.cancel();
  });

  test("goes on after the last event that was seen, by the header or the query", async () => {
    await using fixture = await ApiFixture.open();
    const stream = await follow(fixture, "/events");
    const first = await sent(fixture);
    await fixture.clock.advance(1_000);
    const last = (await stream.events()).at(-1);
    await stream.cancel();
    const second = await sent(fixture);
    for (const [path, headers] of [
      ["/events", { "last-event-id": last?.id ?? "" }],
      [`/events?cursor=${last?.id}`, {}],
    ] as const) {
      const resumed = await follow(fixture, path, headers);
      await fixture.clock.advance(1_000);
      const ids = (await resumed.events()).map(({ data }) => data.job.id);
      expect(ids).toContain(second);
      expect(ids).not.toContain(first);
      await resumed.cancel();
    }
  });

  test("begins anew when the store was replaced by an older copy", async () => {
    await using fixture = await ApiFixture.open();
    const before = await follow(fixture, "/events");
    await sent(fixture);
    await fixture.clock.advance(1_000);
    const id = String((await before.events()).at(-1)?.id);
    await before.cancel();
    const [place] = JSON.parse(Buffer.from(id, "base64url").toString()) as [string];
    const later = Buffer.from(JSON.stringify([place, "999"])).toString("base64url");
    const stream = await follow(fixture, "/events", { "last-event-id": later });
    await fixture.clock.advance(1_000);
    await sent(fixture);
    await fixture.clock.advance(1_000);
    expect(await stream.names()).toEqual(["stream.reset", "job.queued"]);
    await stream.cancel();
  });

  test("begins anew when the place of Last-Event-ID is gone, and refuses a cursor that is none", async () => {
    await using fixture = await ApiFixture.open();
    const stream = await follow(fixture, "/events", { "last-event-id": "of-another-process" });
    await sent(fixture);
    await fixture.clock.advance(1_000);
    expect((await stream.names())[0]).toBe("stream.reset");
    expect(await stream.names()).toContain("job.queued");
    await stream.cancel();
    const { status, body } = await fixture.get("/events?cursor=nonsense");
    expect({ status, code: body.code }).toEqual({ status: 400, code: "invalid_options" });
    expect((await fixture.get("/events?q=needle")).status).toBe(400);
    expect((await fixture.get("/events?status=complete")).status).toBe(400);
  });

  test("sends a comment as a heartbeat", async () => {
    await using fixture = await ApiFixture.open({ api: { heartbeat: "10s" } });
    const stream = await follow(fixture, "/events");
    expect(stream.text).toBe("retry: 2000\n\n");
    await fixture.clock.advance(20_000);
    await stream.events();
    expect(stream.text).toBe("retry: 2000\n\n: still here\n\n: still here\n\n");
    await stream.cancel();
  });

  test("counts the streams, and ends them with their clients", async () => {
    await using fixture = await ApiFixture.open({ api: { maxStreams: 2 } });
    const one = await follow(fixture, "/events");
    const controller = new AbortController();
    const two = await fixture.raw("/events", { signal: controller.signal });
    const refused = await fixture.get("/events");
    expect({ status: refused.status, code: refused.body.code }).toEqual({
      status: 503,
      code: "too_many_streams",
    });
    // The client was told everything.
    expect(fixture.errors).toEqual([]);
    controller.abort();
    await fixture.clock.settle();
    expect(await two.text()).toContain("retry");
    const three = await follow(fixture, "/events");
    await one.cancel();
    await three.cancel();
    await fixture.clock.settle();
    const four = await follow(fixture, "/events");
    await four.cancel();
  });

  test("is free as soon as its client goes, also if nothing of it was read", async () => {
    await using fixture = await ApiFixture.open({ api: { maxStreams: 1 } });
    for (let time = 0; time < 3; time += 1) {
      const controller = new AbortController();
      const response = await fixture.raw("/events", { signal: controller.signal });
      expect(response.status).toBe(200);
      controller.abort();
    }
  });

  test("is not left open by HEAD, which has no body", async () => {
    await using fixture = await ApiFixture.open({ api: { maxStreams: 1 } });
    const id = await sent(fixture);
    for (const path of ["/events", `/jobs/${id}/events`, "/events"]) {
      const head = await fixture.raw(path, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
      expect(head.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    }
    const stream = await follow(fixture, "/events");
    await stream.cancel();
  });

  test("ends when the jobs are closed", async () => {
    const fixture = await ApiFixture.open();
    const stream = await follow(fixture, "/events");
    await fixture[Symbol.asyncDispose]();
    await fixture.clock.advance(20_000);
    await stream.events();
    expect(stream.isOver).toBe(true);
  });
});
