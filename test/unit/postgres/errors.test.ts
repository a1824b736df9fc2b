import { DatabaseError } from "pg";
import { describe, expect, test } from "vitest";
import { classify, driverError, sqlStateOf } from "../../../adapters/postgres/errors.ts";
import { DriverError } from "../../../src/driver/index.ts";

function serverError(code: string, message = "refused"): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, "error"), { code });
}

describe("the kind of an error", () => {
  test.each([
    ["53100", "full"],
    ["53300", "throttled"],
    ["57P01", "transient"],
    ["25006", "transient"],
    ["40001", "transient"],
    ["40P01", "transient"],
    ["55P03", "transient"],
    ["57014", "transient"],
    ["57P02", "ambiguous"],
    ["40003", "ambiguous"],
    ["28P01", "auth"],
    ["28000", "auth"],
    ["42501", "auth"],
    ["3D000", "not_found"],
    ["42P01", "not_found"],
    ["42883", "not_found"],
    ["22P05", "permanent"],
    ["0A001", "ambiguous"],
  ])("follows the code that the server has sent: %s is %s", (code, kind) => {
    expect(classify(serverError(code))).toBe(kind);
  });

  test("a lost connection has the kind that follows from whether the statement was sent", () => {
    const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    expect(classify(lost, true)).toBe("ambiguous");
    expect(classify(lost, false)).toBe("transient");
    expect(classify(new Error("Connection terminated unexpectedly"))).toBe("ambiguous");
    expect(classify(Object.assign(new Error(""), { code: "ECONNREFUSED" }))).toBe("transient");
  });

  test("a wrong password that no server has seen has the kind auth", () => {
    const problem = new Error("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string");
    expect(classify(problem, false)).toBe("auth");
  });

  test("an error of the driver keeps its kind", () => {
    expect(classify(new DriverError("full", "no room"))).toBe("full");
  });
});

test("the code of the server is found in the errors of Drizzle and Prisma", () => {
  expect(sqlStateOf(new Error("Failed query", { cause: serverError("40P01") }))).toBe("40P01");
  expect(sqlStateOf(Object.assign(new Error("P2010"), { code: "P2010", meta: { code: "40001" } }))).toBe(
    "40001",
  );
  expect(sqlStateOf(Object.assign(new Error(""), { code: "EPIPE" }))).toBeUndefined();
  expect(sqlStateOf("text")).toBeUndefined();
});

test("an error says what was attempted, what the server answered and what to do", () => {
  const cause = serverError("53300", "sorry, too many clients already");
  const error = driverError(cause, 'send to queue "emails"');
  expect(error).toMatchObject({ kind: "throttled", cause });
  expect(error.message).toMatch(
    /^send to queue "emails": sorry, too many clients already; raise max_connections/,
  );
});

test("the error of several addresses of one host names each of them", () => {
  const both = new AggregateError([new Error("connect ::1"), new Error("connect 127.0.0.1")], "");
  expect(driverError(both, "connect", false).message).toBe("connect: connect ::1; connect 127.0.0.1");
});
