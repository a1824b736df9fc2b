import { type Fields, isFields } from "../message/ownership.ts";
import { Malformed } from "../message/system-attributes.ts";

/** The job type of an event: a name for all events, or a function of the event. */
export type TypeOption<Event> = string | ((event: Event) => string);

/** The options that every decoder of events has. */
export interface EventOptions<Event> {
  /** The job type. @default the maker's own name of the event, as it stands in the message */
  readonly type?: TypeOption<Event> | undefined;
}

/** The job type of one event. */
export function typeOf<Event>(option: TypeOption<Event> | undefined, event: Event, name: string): string {
  if (option === undefined) return name;
  return typeof option === "function" ? option(event) : option;
}

/** The fields of a JSON object; none if the value is no object. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** Whether each of the fields is a string. */
export function haveText(fields: Fields, ...names: readonly string[]): boolean {
  return names.every((name) => typeof fields[name] === "string");
}

/**
 * Reads the time of an event; undefined if it has none.
 *
 * @param of the field and its owner, for the error
 * @throws Malformed when it is no time
 */
export function timeOf(value: unknown, of: string): Date | undefined {
  if (value === undefined || value === null) return undefined;
  const date = typeof value === "string" ? new Date(value) : undefined;
  if (date === undefined || Number.isNaN(date.getTime())) throw new Malformed(`${of} is no time`);
  return date;
}

/** The given fields as headers: text as it is, anything else as JSON, and fields that are missing left out. */
export function headersOf(fields: Fields, ...names: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of names) {
    const value = fields[name];
    if (value !== undefined && value !== null)
      headers[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return headers;
}
