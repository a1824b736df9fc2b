import { describe, expect, it } from "vitest";
import { statsTable } from "../../../cmd/stats.ts";

const row = { queue: "emails", messages: 3, inFlight: 2, active: 5, delayed: null, failed: 1, asOf: null };

describe("statsTable", () => {
  it("marks what is unknown and what is approximate", () => {
    expect(statsTable([{ ...row, approximate: false }])).toMatch(/emails .* 3 .* 2 .* – .* 1 /);
    expect(statsTable([{ ...row, approximate: true }])).toMatch(/emails .* ~3 .* ~2 .* – .* ~1 /);
  });

  it("says what it knows where ready and in flight are counted as one", () => {
    const together = { ...row, messages: null, inFlight: null, approximate: false };
    expect(statsTable([together])).toMatch(/emails .* ≤5 .* ≤5 .* – .* 1 /);
    expect(statsTable([{ ...together, active: null }])).toMatch(/emails .* – .* – .* – .* 1 /);
  });

  it("says why a queue has no counts", () => {
    const error = 'Queue "emails" does not exist.';
    expect(statsTable([{ ...row, approximate: true, error }])).toContain(error);
  });
});
