import { expect, test } from "vitest";
import { readMessage, template } from "../../../cmd/send/input.ts";

const flags = {
  type: "welcome",
  id: "job-1",
  maxAttempts: 3,
  header: { tenant: "acme" },
  orderingKey: "order-42",
  dedupId: "d",
};

test("a message has every field that a flag gives", async () => {
  expect(await readMessage('{"user":"u1"}', undefined, flags)).toEqual({
    type: "welcome",
    payload: { user: "u1" },
    id: "job-1",
    maxAttempts: 3,
    headers: { tenant: "acme" },
    orderingKey: "order-42",
    dedupId: "d",
  });
});

test("the lines of a stream share the fields that are not of one job", () => {
  expect(template(flags)).toEqual({
    maxAttempts: 3,
    headers: { tenant: "acme" },
    orderingKey: "order-42",
    dedupId: "d",
  });
});
