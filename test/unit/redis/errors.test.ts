import { SimpleError } from "@redis/client";
import { describe, expect, test } from "vitest";
import { classify, driverError, endsConnection, replyCode } from "../../../adapters/redis/errors.ts";
import { DriverError } from "../../../src/driver/index.ts";

const reply = (text: string): Error => new SimpleError(text);

describe("the kind of an error", () => {
  test.each([
    ["READONLY You can't write against a read only replica.", "transient"],
    ["LOADING Redis is loading the dataset in memory", "transient"],
    ["MISCONF Redis is configured to save RDB snapshots", "transient"],
    ["MASTERDOWN Link with MASTER is down", "transient"],
    ["NOREPLICAS Not enough good replicas to write.", "transient"],
    ["BUSY Redis is busy running a script.", "transient"],
    ["CLUSTERDOWN The cluster is down", "transient"],
    ["TRYAGAIN Multiple keys request during rehashing of slot", "transient"],
    ["ASK 3999 127.0.0.1:6381", "transient"],
    ["MOVED 3999 127.0.0.1:6381", "permanent"],
    ["CROSSSLOT Keys in request don't hash to the same slot", "permanent"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "full"],
    ["NOAUTH Authentication required.", "auth"],
    ["WRONGPASS invalid username-password pair or user is disabled.", "auth"],
    ["NOPERM this user has no permissions to run the 'evalsha' command", "auth"],
    ["ERR max number of clients reached", "throttled"],
    ["ERR invalid password", "auth"],
    ["ERR unknown command 'EVALSHA'", "permanent"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "permanent"],
    // As Redis 6.2 words the error of a command in a script.
    [
      "ERR Error running script (call to f_1): @user_script:6: @user_script: 6: -OOM command not allowed",
      "full",
    ],
    ["ERR Error running script (call to f_1): @user_script:6: -READONLY You can't write", "transient"],
  ] as const)("the reply %j is %s", (text, kind) => {
    expect(classify(reply(text))).toBe(kind);
  });

  test("a lost connection is ambiguous if the command was sent, and transient if it was not", () => {
    const lost = new Error("Socket closed unexpectedly");
    expect(classify(lost)).toBe("ambiguous");
    expect(classify(lost, false)).toBe("transient");
    expect(classify(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }))).toBe("transient");
  });

  test("a certificate that is not accepted is permanent", () => {
    const error = Object.assign(new Error("self-signed certificate"), {
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    expect(classify(error, false)).toBe("permanent");
  });

  test("a value that is no error is ambiguous", () => {
    for (const value of [undefined, null, 0, "text", {}]) expect(classify(value)).toBe("ambiguous");
  });
});

test("a reply ends the connection only if another server could answer better", () => {
  expect(endsConnection(reply("READONLY You can't write"))).toBe(true);
  expect(endsConnection(reply("OOM command not allowed"))).toBe(false);
  expect(endsConnection(new Error("Socket closed unexpectedly"))).toBe(true);
});

test("the message of an error says what was attempted and what to do", () => {
  const { message, kind } = driverError(reply("MOVED 1 127.0.0.1:1"), 'send to queue "emails"');
  expect(message).toMatch(/^send to queue "emails": MOVED .*give the addresses of its nodes as `cluster`/);
  expect(kind).toBe("permanent");
});

test("a DriverError stays as it is", () => {
  const error = new DriverError("full", "no room");
  expect(driverError(error, "send")).toBe(error);
  expect(replyCode(error)).toBeUndefined();
});
