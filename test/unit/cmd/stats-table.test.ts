import { stripVTControlCharacters } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { statsTable } from "../../../cmd/stats.ts";

const row = { queue: "emails", messages: 3, inFlight: 2, backlog: 5, delayed: null, failed: 1, asOf: null };

describe("statsTable", () => {
  it("marks a count that is unknown with a dash and an approximate one with a tilde", () => {
    expect(statsTable([{ ...row, approximate: false }])).toMatch(/emails .* 5 .* 3 .* 2 .* – .* 1 /);
    expect(statsTable([{ ...row, approximate: true }])).toMatch(/emails .* ~5 .* ~3 .* ~2 .* – .* ~1 /);
  });

  it("shows the backlog of a provider that does not separate ready messages from those in flight", () => {
    const together = { ...row, messages: null, inFlight: null, approximate: false };
    expect(statsTable([together])).toMatch(/emails .* 5 .* – .* – .* – .* 1 /);
  });

  it("fits 80 columns, however long a name or an error is", () => {
    const queue = `jobs-${"x".repeat(120)}`;
    const error = `Could not read the counts of ${queue}: ${"no network ".repeat(20)}`;
    const table = statsTable([
      { ...row, queue, approximate: false },
      { ...row, queue, approximate: true, error },
    ]);
    expect(Math.max(...table.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("shows the error of a queue that has no counts", () => {
    const error = 'Queue "emails" does not exist.';
    expect(statsTable([{ ...row, approximate: true, error }])).toContain(error);
  });

  it("keeps its columns on a terminal, where the head is bold and failures are red", () => {
    const plain = statsTable([{ ...row, failed: 11, approximate: true }]);
    const { isTTY } = process.stdout;
    vi.stubEnv("NO_COLOR", undefined);
    process.stdout.isTTY = true;
    try {
      const colored = statsTable([{ ...row, failed: 11, approximate: true }]);
      expect(colored).toContain("\u001b[1mqueue\u001b[22m");
      expect(stripVTControlCharacters(colored)).toBe(plain);
    } finally {
      process.stdout.isTTY = isTTY;
      vi.unstubAllEnvs();
    }
  });
});
