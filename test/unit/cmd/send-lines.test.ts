import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type LineCounts, sendLines } from "../../../cmd/send/lines.ts";
import { QueueError } from "../../../src/errors.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import type { Queue } from "../../../src/queue/queue.ts";

interface Sending {
  readonly sent: NewMessage[];
  readonly faults: number[];
  readonly counts: Promise<LineCounts>;
}

/** Sends these chunks of lines to a queue that does with each message what `outcome` says. */
function send(
  chunks: Iterable<string | Uint8Array>,
  outcome: (message: NewMessage) => void = () => {},
  {
    type = "welcome",
    signal = new AbortController().signal,
  }: { type?: string | null; signal?: AbortSignal } = {},
): Sending {
  const sent: NewMessage[] = [];
  const faults: number[] = [];
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
    onFault: (line) => faults.push(line),
  });
  return { sent, faults, counts };
}

function* endless(): Generator<string> {
  for (;;) yield "1\n";
}

describe("sendLines", () => {
  it("sends a payload a line, wherever the chunks are cut", async () => {
    const { sent, counts } = send(['{"a"', ':1}\n\n{"a":2}\r\n{"a', '":3}']);
    expect(await counts).toEqual({ sent: 3, failed: 0, unknown: 0 });
    expect(sent[1]).toEqual({ type: "welcome", payload: { a: 2 }, maxAttempts: 3 });
  });

  it("sends whole messages; what a line says wins", async () => {
    const line = '{"type":"tips","payload":[1],"id":"x","maxAttempts":9}\n';
    const { sent, counts } = send([line], undefined, { type: null });
    expect(await counts).toMatchObject({ sent: 1 });
    expect(sent).toEqual([{ type: "tips", payload: [1], id: "x", maxAttempts: 9 }]);
  });

  it("counts what failed apart from what nobody knows, and names the lines", async () => {
    const { faults, counts } = send(["1\n2\nx\n4\n"], ({ payload }) => {
      if (payload === 2) throw new QueueError("send_unknown", "lost");
      if (payload === 4) throw new QueueError("queue_full", "full");
    });
    expect(await counts).toEqual({ sent: 1, failed: 2, unknown: 1 });
    expect(faults.toSorted((a, b) => a - b)).toEqual([2, 3, 4]);
  });

  it("ends on an error that would be every line's", async () => {
    const { counts } = send(endless(), () => {
      throw new QueueError("not_found", "no such queue");
    });
    expect(await counts).toMatchObject({ sent: 0, error: { code: "not_found" } });
  });

  it("counts what was sent before its input failed", async () => {
    function* broken(): Generator<string> {
      yield "1\n2\n3";
      throw new Error("read ECONNRESET");
    }
    const { sent, counts } = send(broken());
    expect(await counts).toMatchObject({ sent: 2, failed: 0, error: { message: "read ECONNRESET" } });
    expect(sent).toHaveLength(2);
  });

  it("takes bytes that are no UTF-8 for a wrong line, and a byte-order mark for none", async () => {
    const line = (...bytes: number[]): Buffer =>
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}\n')]);
    const mark = Buffer.from([0xef, 0xbb, 0xbf]);
    const [umlaut, half] = [line(0xc3, 0xbc), line(0xff)];
    const { sent, faults, counts } = send([mark, umlaut.subarray(0, 7), umlaut.subarray(7), half]);
    expect(await counts).toEqual({ sent: 1, failed: 1, unknown: 0 });
    expect(sent[0]?.payload).toEqual({ a: "ü" });
    expect(faults).toEqual([2]);
  });

  it("reads a long line in the time of its length", async () => {
    const chunk = " ".repeat(65_536);
    const { counts } = send(["[", ...Array.from({ length: 1_000 }, () => chunk), "1]"]);
    expect(await counts).toEqual({ sent: 1, failed: 0, unknown: 0 });
  });

  it("stops reading when it is told to", async () => {
    const stop = new AbortController();
    const { counts } = send(endless(), () => stop.abort(), { signal: stop.signal });
    expect((await counts).sent).toBeGreaterThan(0);
  });
});
