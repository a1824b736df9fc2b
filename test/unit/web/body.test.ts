import { describe, expect, test } from "vitest";
import { ApiFixture } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

describe("the body of a request", () => {
  test("is JSON, also with a suffix and a charset", async () => {
    await using fixture = await ApiFixture.open();
    for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"]) {
      const { status } = await fixture.post("/jobs", job, { headers: { "content-type": type } });
      expect(status).toBe(201);
    }
  });

  test.each(["application/x-www-form-urlencoded", "text/plain", "text/json", "application/jsonx", ""])(
    "with the type %j is refused, and the header to send is named",
    async (type) => {
      await using fixture = await ApiFixture.open();
      const { status, headers, body } = await fixture.post("/jobs", job, {
        headers: { "content-type": type },
      });
      expect({ status, code: body.code }).toEqual({ status: 415, code: "unsupported_media_type" });
      expect(body.detail).toContain("Content-Type: application/json");
      expect(headers.get("accept")).toBe("application/json");
    },
  );

  test.each(['{"type":', "", "{'type': 1}", "[1,]"])("%j is refused", async (body) => {
    await using fixture = await ApiFixture.open();
    const { status, body: problem } = await fixture.post("/jobs", body);
    expect({ status, code: problem.code }).toEqual({ status: 400, code: "invalid_request" });
  });

  test("that is not UTF-8 is refused", async () => {
    await using fixture = await ApiFixture.open();
    const bytes = Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d);
    const headers = { "content-type": "application/json" };
    const response = await fixture.raw("/jobs", { method: "POST", body: bytes, headers });
    expect(response.status).toBe(400);
  });

  test("that ends early, as its client went, is refused, and is no error of the server", async () => {
    await using fixture = await ApiFixture.open();
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("aborted"));
      },
    });
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", body: stream, headers, duplex: "half" } as RequestInit;
    expect((await fixture.raw("/jobs", init)).status).toBe(400);
    expect(fixture.audited).toMatchObject([{ operation: "sendJob", status: 400 }]);
    expect(fixture.errors).toEqual([]);
  });

  test("with 2 MB is refused, whether or not its length is stated", async () => {
    await using fixture = await ApiFixture.open();
    const large = JSON.stringify({ type: "email", payload: { to: "a".repeat(2_000_000) } });
    const { status, body } = await fixture.post("/jobs", large);
    expect({ status, code: body.code }).toEqual({ status: 413, code: "body_too_large" });
    let sent = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(100_000).fill(32));
      },
    });
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", body: stream, headers, duplex: "half" } as RequestInit;
    expect((await fixture.raw("/jobs", init)).status).toBe(413);
    expect(sent).toBeLessThan(14);
    const lie = await fixture.post("/jobs", large, { headers: { "content-length": "10" } });
    expect(lie.status).toBe(413);
  });

  test("that is larger than the queue takes is refused as too_large", async () => {
    await using fixture = await ApiFixture.open({ api: { maxBodyBytes: 20_000_000 }, emulate: "sqs" });
    const payload = { to: "a".repeat(12_000_000) };
    const { status, body } = await fixture.post("/jobs", { type: "email", payload });
    expect({ status, code: body.code }).toEqual({ status: 413, code: "too_large" });
  });

  test.each(["[", '{"a":'])("with %j 100,000 times is refused, and overflows no stack", async (open) => {
    await using fixture = await ApiFixture.open();
    const close = open === "[" ? "]" : "}";
    const deep = `${open.repeat(100_000)}1${close.repeat(100_000)}`;
    const { status, body } = await fixture.post("/jobs", `{"type":"email","payload":${deep}}`);
    expect(status).toBe(400);
    expect(body.detail).toContain("nested deeper than 200 levels");
  });

  test.each([
    ["unknown members", () => Object.fromEntries(Array.from({ length: 1_500 }, (_, at) => [`k${at}`, 1]))],
    ["wrong tags", () => ({ tags: Array.from({ length: 1_500 }, () => 1) })],
    [
      "wrong headers",
      () => ({ headers: Object.fromEntries(Array.from({ length: 1_500 }, (_, at) => [at, 1])) }),
    ],
  ])("with 1,500 %s is answered by 100 faults, and their number", async (_, members) => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.post("/jobs", { ...job, ...members() });
    expect(status).toBe(400);
    expect(body.detail).toContain("; and 1497 more");
    expect(body.errors).toHaveLength(100);
  });

  test("with 400,000 wrong values is refused before each of them is looked at", async () => {
    await using fixture = await ApiFixture.open();
    const wrong = Array.from({ length: 400_000 }, () => 1);
    const members = Object.fromEntries(Array.from({ length: 90_000 }, (_, at) => [`k${at}`, 1]));
    for (const [path, sent] of [
      ["/jobs", { ...job, tags: wrong }],
      ["/jobs", { ...job, headers: members }],
      ["/jobs", { ...job, ...members }],
      ["/jobs/bulk", { action: "cancel", ids: wrong }],
      ["/jobs/bulk", { action: "cancel", filter: members }],
    ] as const) {
      const { status, body } = await fixture.post(path, sent);
      expect(status).toBe(400);
      expect(body.detail).toContain("more than 2000 members outside of its payload");
    }
    const payload = { to: "a", cc: wrong };
    expect((await fixture.post("/jobs", { ...job, payload })).status).toBe(201);
  });

  test("with the names of a prototype changes no object", async () => {
    await using fixture = await ApiFixture.open({ api: { anyType: true } });
    const text = `{"type":"x","queue":"q","payload":{"__proto__":{"polluted":true},"constructor":1}}`;
    const { status, body } = await fixture.post("/jobs", text);
    expect(status).toBe(201);
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
    const { body: read } = await fixture.get(`/jobs/${body.id}?include=payload`);
    expect(Object.keys(read.payload)).toContain("constructor");
    const refused = await fixture.post(
      "/jobs",
      `{"type":"x","queue":"q","payload":1,"__proto__":{"tenant":"a"}}`,
    );
    expect(refused.status).toBe(400);
  });
});
