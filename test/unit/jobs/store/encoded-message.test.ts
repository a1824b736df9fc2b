import { expect, test } from "vitest";
import {
  decodedMessage,
  encodedMessage,
  EncodedMessage,
} from "../../../../src/jobs/store/encoded-message.ts";

const trace = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };

test("An encoded message is what its sender passed, whatever the sender changes later.", () => {
  const payload = { to: "ada" };
  const message = new EncodedMessage({ payload, headers: { a: "1" }, orderingKey: "k", trace });
  payload.to = "eve";
  const { headers, backoff, orderingKey } = message;
  expect(message.payload).toEqual({ to: "ada" });
  expect({ headers, backoff, orderingKey, trace: message.trace }).toEqual({
    headers: { a: "1" },
    backoff: undefined,
    orderingKey: "k",
    trace,
  });
  expect(JSON.parse(JSON.stringify(message))).toEqual({
    payload: { to: "ada" },
    headers: { a: "1" },
    orderingKey: "k",
    trace,
  });
});

test("A message is the same after it was written as JSON and read, encoded before or not.", () => {
  for (const message of [{ payload: null }, { payload: "x", headers: { a: "1" }, backoff: { ms: 5 } }]) {
    expect(decodedMessage(encodedMessage(message as never))).toEqual(message);
    expect(decodedMessage(encodedMessage(new EncodedMessage(message as never)))).toEqual(message);
  }
});
