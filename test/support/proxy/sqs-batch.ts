import type { HttpAction, HttpCall } from "./http-call.ts";

interface BatchEntry {
  readonly Id: string;
}

/** A batch without one of its entries, which fails. */
export interface SplitBatch {
  /** The request without the entry. `undefined` if the batch has no other entry. */
  readonly request: object | undefined;
  /** Adds the entry to the failed entries of the server's answer. */
  answer(served: Readonly<Record<string, unknown>>): object;
}

/** Takes the entry that fails out of a batch. `undefined` if the request has no such entry. */
export function splitBatch(
  { json }: HttpCall,
  { index, code, senderFault }: HttpAction & { readonly kind: "fail_entry" },
): SplitBatch | undefined {
  const entries = json?.["Entries"] as readonly BatchEntry[] | undefined;
  const entry = entries?.[index];
  if (json === undefined || entries === undefined || entry === undefined) return undefined;
  const rest = entries.filter((one) => one !== entry);
  const failure = { Id: entry.Id, Code: code, Message: `${code} (by the proxy)`, SenderFault: senderFault };
  return {
    request: rest.length === 0 ? undefined : { ...json, Entries: rest },
    answer: ({ Successful = [], Failed = [], ...others }) => ({
      ...others,
      Successful,
      Failed: [...(Failed as readonly unknown[]), failure],
    }),
  };
}

/** Removes one entry of the request from the answer. */
export function omitEntry(
  { json }: HttpCall,
  index: number,
  { Successful = [], Failed = [], ...others }: Readonly<Record<string, unknown>>,
): object {
  const id = (json?.["Entries"] as readonly BatchEntry[] | undefined)?.[index]?.Id;
  const withoutIt = (entries: unknown): readonly BatchEntry[] =>
    (entries as readonly BatchEntry[]).filter((entry) => entry.Id !== id);
  return { ...others, Successful: withoutIt(Successful), Failed: withoutIt(Failed) };
}
