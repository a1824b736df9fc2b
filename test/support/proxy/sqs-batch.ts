import type { HttpAction, HttpCall } from "./http-call.ts";

interface Entry {
  readonly Id: string;
}

/** A batch that is torn apart: what is forwarded, and what its answer has to say beside the server's. */
export interface TornBatch {
  /** The request without the entry; undefined where it was the only one. */
  readonly request: object | undefined;
  /** The answer with the entry among the failed. */
  answer(served: Readonly<Record<string, unknown>>): object;
}

/** Takes one entry out of a batch, as a service does that fails it. Undefined where the request is no such batch. */
export function tearBatch(
  { json }: HttpCall,
  { index, code, senderFault }: HttpAction & { readonly kind: "fail_entry" },
): TornBatch | undefined {
  const entries = json?.["Entries"] as readonly Entry[] | undefined;
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

/** The answer as if it had forgotten one entry of the request. */
export function omitEntry(
  { json }: HttpCall,
  index: number,
  { Successful = [], Failed = [], ...others }: Readonly<Record<string, unknown>>,
): object {
  const id = (json?.["Entries"] as readonly Entry[] | undefined)?.[index]?.Id;
  const withoutIt = (entries: unknown): readonly Entry[] =>
    (entries as readonly Entry[]).filter((entry) => entry.Id !== id);
  return { ...others, Successful: withoutIt(Successful), Failed: withoutIt(Failed) };
}
