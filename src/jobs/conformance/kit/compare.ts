import { expectEqual } from "../../../conformance/kit/expect.ts";

/** A value as JSON has it: members without a value are left out, as most stores leave them out. */
export function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** Asserts that two values are equal as JSON. */
export function expectSameJson(subject: string, actual: unknown, expected: unknown): void {
  expectEqual(subject, plain(actual), plain(expected));
}

/** Asserts that an object has these members, with these values, and maybe others. */
export function expectMembers(
  subject: string,
  actual: unknown,
  members: Readonly<Record<string, unknown>>,
): void {
  const found = actual as Readonly<Record<string, unknown>> | undefined;
  for (const [name, value] of Object.entries(members))
    expectEqual(`${subject}: ${name}`, plain(found?.[name]), plain(value));
}
