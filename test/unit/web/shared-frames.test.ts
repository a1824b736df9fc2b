import { afterEach, expect, test, vi } from "vitest";
import { bearerTokens } from "../../../web/api/caller.ts";
import { ApiFixture } from "./fixture.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Opens streams, and returns what each of them has got so far. */
async function follow(
  fixture: ApiFixture,
  requests: readonly { readonly path: string; readonly headers?: Record<string, string> }[],
): Promise<{ readonly texts: string[]; readonly cancel: () => Promise<unknown> }> {
  const texts = requests.map(() => "");
  const readers = await Promise.all(
    requests.map(async ({ path, headers = {} }) => {
      const { body } = await fixture.raw(path, { headers });
      if (body === null) throw new Error(`${path} has no body`);
      return body.pipeThrough(new TextDecoderStream()).getReader();
    }),
  );
  for (const [index, reader] of readers.entries()) void readAll(reader, (text) => (texts[index] += text));
  await fixture.clock.settle();
  return { texts, cancel: () => Promise.all(readers.map((reader) => reader.cancel())) };
}

async function readAll(
  reader: ReadableStreamDefaultReader<string>,
  onText: (text: string) => void,
): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onText(value);
  }
}

/** Counts the values that become JSON and are an event of a job, by their kind. */
function countSerialised(): Record<string, number> {
  const counts: Record<string, number> = {};
  const stringify = JSON.stringify;
  vi.spyOn(JSON, "stringify").mockImplementation((value: unknown, ...rest: unknown[]) => {
    const { event, job } = (value ?? {}) as { readonly event?: unknown; readonly job?: unknown };
    if (typeof event === "string" && job !== undefined) counts[event] = (counts[event] ?? 0) + 1;
    return stringify(value, ...(rest as []));
  });
  return counts;
}

const eventsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^event: (.*)$/gm)].map(([, name = ""]) => name);

test("an event is serialised once for 256 clients", async () => {
  await using fixture = await ApiFixture.open({ api: { maxStreams: 300 } });
  const requests = Array.from({ length: 256 }, () => ({ path: "/events" }));
  const streams = await follow(fixture, requests);
  const counts = countSerialised();
  const { id } = await fixture.jobs.send({ type: "email", payload: { to: "a" } });
  await fixture.clock.advance(1_000);
  await fixture.run(id, "completed");
  await fixture.clock.advance(1_000);

  const seen = eventsOf(streams.texts[0] ?? "");
  expect(seen).toEqual(["job.queued", "job.started", "job.completed"]);
  expect(new Set(streams.texts).size).toBe(1);
  expect(counts).toEqual({ "job.queued": 1, "job.started": 1, "job.completed": 1 });
  await streams.cancel();
});

test("clients that began at different places share what is the same for them", async () => {
  await using fixture = await ApiFixture.open();
  const first = await follow(fixture, [{ path: "/events" }]);
  const ids: string[] = [];
  for (let at = 0; at < 3; at += 1) {
    const { id } = await fixture.jobs.send({ type: "email", payload: { to: `${at}` } });
    ids.push(id);
    await fixture.clock.advance(1_000);
  }
  const places = [...(first.texts[0] ?? "").matchAll(/^id: (.*)$/gm)].map(([, place = ""]) => place);
  expect(places).toHaveLength(3);
  const late = await follow(
    fixture,
    places.map((place) => ({ path: "/events", headers: { "last-event-id": place } })),
  );
  const counts = countSerialised();
  const { id } = await fixture.jobs.send({ type: "email", payload: { to: "last" } });
  await fixture.clock.advance(1_000);

  // Each has the last job and those after its place, and nothing else.
  for (const [index, text] of late.texts.entries())
    expect(ids.concat(id).filter((one) => text.includes(one))).toEqual(ids.slice(index + 1).concat(id));
  expect(counts).toEqual({ "job.queued": 1 });
  await first.cancel();
  await late.cancel();
});

test("a client gets the events of its own tenant alone, although others share their bytes", async () => {
  const authorize = bearerTokens({
    "token-of-acme-0001": { role: "viewer", tenant: "acme" },
    "token-of-umbrella-0001": { role: "viewer", tenant: "umbrella" },
    "token-of-the-owner-0001": { role: "viewer" },
  });
  await using fixture = await ApiFixture.open({ api: { authorize } });
  const tokens = ["token-of-acme-0001", "token-of-umbrella-0001", "token-of-the-owner-0001"];
  const streams = await follow(
    fixture,
    tokens.map((token) => ({ path: "/events", headers: { authorization: `Bearer ${token}` } })),
  );
  const message = { type: "email", payload: { to: "a" } };
  const acme = await fixture.jobs.send(message, { tenant: "acme" });
  const umbrella = await fixture.jobs.send(message, { tenant: "umbrella" });
  await fixture.clock.advance(1_000);

  const seen = streams.texts.map((text) => [acme.id, umbrella.id].filter((id) => text.includes(id)));
  expect(seen).toEqual([[acme.id], [umbrella.id], [acme.id, umbrella.id]]);
  await streams.cancel();
});
