import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type LineCounts, sendLines } from "../../../cmd/send/lines.ts";
import { QueueError } from "../../../src/errors.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import type { Queue } from "../../../src/queue/queue.ts";

interface LineRun {
  readonly sent: NewMessage[];
  readonly failures: number[];
  readonly counts: Promise<LineCounts>;
}

/** Sends these chunks of lines to a queue that calls `outcome` with each message; if it throws, the send fails. */
function send(
  chunks: Iterable<string | Uint8Array>,
  outcome: (message: NewMessage) => void = () => {},
  {
    type = "welcome",
    signal = new AbortController().signal,
  }: { type?: string | null; signal?: AbortSignal } = {},
): LineRun {
  const sent: NewMessage[] = [];
  const failures: number[] = [];
  const queue = {
    async send(_name: string, message: NewMessage) {
      outcome(message);
      sent.push(message);
    },
  } as unknown as Queue;
  const counts = sendLines({
    queue,
    name: "emails",
    input: Readable.from(chunks),
    type: type ?? undefined,
    template: { maxAttempts: 3 },
    options: {},
    signal,
    onFailure: (line) => failures.push(line),
  });
  return { sent, failures, counts };
}

function* endless(): Generator<string> {
  for (;;) yield "1\n";
}

describe("sendLines", () => {
  it("sends one payload per line, wherever the chunks are cut", async () => {
    const { sent, counts } = send(['{"a"', ':1}\n\n{"a":2}\r\n{"a', '":3}']);
    expect(await counts).toEqual({ sent: 3, failed: 0, unknown: 0 });
    expect(sent[1]).toEqual({ type: "welcome", payload: { a: 2 }, maxAttempts: 3 });
  });

  it.each([
    ["a payload", "welcome", '{"__proto__":{"a":1}}'],
    ["a message", null, '{"type":"welcome","payload":{"__proto__":{"a":1}},"headers":{"__proto__":"h"}}'],
  ])("keeps keys of %s that are named __proto__", async (_what, type, line) => {
    const { sent, counts } = send([line], undefined, { type });
    expect(await counts).toMatchObject({ sent: 1 });
    const { payload, headers } = sent[0] ?? {};
    expect(JSON.stringify(payload)).toBe('{"__proto__":{"a":1}}');
    expect(JSON.stringify(headers)).toBe(type === null ? '{"__proto__":"h"}' : undefined);
  });

  it("refuses a message with the key __proto__, as any unknown key", async () => {
    const { failures, counts } = send(['{"type":"a","payload":1,"__proto__":{"id":"x"}}'], undefined, {
      type: null,
    });
    expect([await counts, failures]).toEqual([{ sent: 0, failed: 1, unknown: 0 }, [1]]);
  });

  it("sends whole messages, whose fields take precedence over the flags", async () => {
    const line = '{"type":"tips","payload":[1],"id":"x","maxAttempts":9}\n';
    const { sent, counts } = send([line], undefined, { type: null });
    expect(await counts).toMatchObject({ sent: 1 });
    expect(sent).toEqual([{ type: "tips", payload: [1], id: "x", maxAttempts: 9 }]);
  });

  it("counts failed and unknown sends separately, and reports their line numbers", async () => {
    const { failures, counts } = send(["1\n2\nx\n4\n"], ({ payload }) => {
      if (payload === 2) throw new QueueError("send_unknown", "lost");
      if (payload === 4) throw new QueueError("queue_full", "full");
    });
    expect(await counts).toEqual({ sent: 1, failed: 2, unknown: 1 });
    expect(failures.toSorted((a, b) => a - b)).toEqual([2, 3, 4]);
  });

  it("ends at an error that every line would meet", async () => {
    const { counts } = send(endless(), () => {
      throw new QueueError("not_found", "no such queue");
    });
    expect(await counts).toMatchObject({ sent: 0, error: { code: "not_found" } });
  });

  it("counts the lines that were sent before the input failed", async () => {
    function* broken(): Generator<string> {
      yield "1\n2\n3";
      throw new Error("read ECONNRESET");
    }
    const { sent, counts } = send(broken());
    expect(await counts).toMatchObject({ sent: 2, failed: 0, error: { message: "read ECONNRESET" } });
    expect(sent).toHaveLength(2);
  });

  it("refuses a line that is not UTF-8, and ignores a byte-order mark", async () => {
    const line = (...bytes: number[]): Buffer =>
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}\n')]);
    const mark = Buffer.from([0xef, 0xbb, 0xbf]);
    const [umlaut, half] = [line(0xc3, 0xbc), line(0xff)];
    const { sent, failures, counts } = send([mark, umlaut.subarray(0, 7), umlaut.subarray(7), half]);
    expect(await counts).toEqual({ sent: 1, failed: 1, unknown: 0 });
    expect(sent[0]?.payload).toEqual({ a: "ü" });
    expect(failures).toEqual([2]);
  });

  it("reads a long line in linear time", async () => {
    const chunk = " ".repeat(65_536);
    const { counts } = send(["[", ...Array.from({ length: 1_000 }, () => chunk), "1]"]);
    expect(await counts).toEqual({ sent: 1, failed: 0, unknown: 0 });
  });

  it("stops reading when its signal aborts", async () => {
    const stop = new AbortController();
    const { counts } = send(endless(), () => stop.abort(), { signal: stop.signal });
    expect((await counts).sent).toBeGreaterThan(0);
  });
});
