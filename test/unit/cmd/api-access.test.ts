import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { accessOf, type AccessSettings } from "../../../cmd/api/access.ts";

const folder = mkdtempSync(join(tmpdir(), "queueport-access-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const here: AccessSettings = { host: "127.0.0.1", auth: true };
const first = file("first", "the-token-of-the-flag\nanother line\n");
const second = file("second", "the-token-of-the-file\n");

/** Whether a token is accepted. */
async function accepts(settings: AccessSettings, token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  return (await accessOf(settings).authorize?.(new Request("http://localhost/", { headers }))) !== undefined;
}

describe("the access to queueport api", () => {
  test("is open to this machine without a token, on every loopback address", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
      expect(accessOf({ ...here, host })).toEqual({ open: true });
  });

  test("is refused without a token on every other address", () => {
    for (const host of ["0.0.0.0", "::", "10.0.0.5", "jobs.example", "127.0.0.1.example", ""])
      expect(() => accessOf({ ...here, host })).toThrow("Set QUEUEPORT_API_TOKEN or --token-file");
  });

  test("is open to everybody with --no-auth only", () => {
    expect(accessOf({ ...here, host: "0.0.0.0", auth: false })).toEqual({ open: "anywhere" });
    expect(() => accessOf({ ...here, auth: false, tokenFile: first })).toThrow("exclude each other");
  });

  test("takes the token of the flag, then of the variable, then of the configuration", async () => {
    const all = { ...here, tokenFile: first, token: "the-token-of-the-variable", configuredFile: second };
    expect(await accepts(all, "the-token-of-the-flag")).toBe(true);
    expect(await accepts(all, "the-token-of-the-variable")).toBe(false);
    const { tokenFile: _flag, ...without } = all;
    expect(await accepts(without, "the-token-of-the-variable")).toBe(true);
    expect(await accepts({ ...without, token: "" }, "the-token-of-the-file")).toBe(true);
    expect(await accepts({ ...here, token: "token-with-a-newline\n" }, "token-with-a-newline")).toBe(true);
  });

  test("is refused if the variable is set and empty, which would open the API", () => {
    for (const token of ["", " ", "\n"])
      expect(() => accessOf({ ...here, token })).toThrow("QUEUEPORT_API_TOKEN is set and empty");
  });

  test("is refused if a request could never have the token", () => {
    for (const token of ["a token with spaces", "a-token-with-ümlauts"])
      expect(() => accessOf({ ...here, token })).toThrow("visible ASCII characters only");
  });

  test("is refused if the token cannot be read, is empty or is too short", () => {
    expect(() => accessOf({ ...here, tokenFile: join(folder, "none") })).toThrow(
      "The token file cannot be read",
    );
    expect(() => accessOf({ ...here, tokenFile: file("empty", "\nsecond line") })).toThrow("is empty");
    expect(() => accessOf({ ...here, token: "short" })).toThrow("16 characters or more");
  });
});
