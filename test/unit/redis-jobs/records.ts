import { createClient } from "@redis/client";
import { indexChanges } from "../../../adapters/redis/job-store/index-changes.ts";
import { NamespaceKeys } from "../../../adapters/redis/job-store/keys.ts";
import { decodeStored } from "../../../adapters/redis/job-store/stored-row.ts";
import { allParts } from "../../../adapters/redis/job-store/data-codec.ts";

/**
 * Compares everything that depends on the rows of a namespace with the rows. Returns what differs, as texts; nothing if the
 * records are whole.
 */
export async function faultsOf(url: string, prefix: string, namespace: string): Promise<string[]> {
  const client = createClient({ url, RESP: 2 });
  client.on("error", () => {});
  await client.connect();
  const keys = new NamespaceKeys(prefix, namespace);
  const faults: string[] = [];
  const rows = await client.hGetAll(keys.rows);
  const expected = new Map<string, Map<string, number>>();
  const data = new Map<string, Set<string>>();
  for (const [id, value] of Object.entries(rows)) {
    const stored = decodeStored(id, value);
    for (const { key, score } of indexChanges(keys, undefined, stored))
      expected.set(key, (expected.get(key) ?? new Map<string, number>()).set(id, score ?? 0));
    for (const part of allParts(stored.parts))
      data.set(keys.data[part], (data.get(keys.data[part]) ?? new Set()).add(id));
  }
  const seq = Number((await client.hGet(keys.info, "seq")) ?? 0);
  const changes = await client.zRangeWithScores(keys.changes, 0, -1);
  const changed = new Set(changes.map(({ value }) => value));
  if (changes.some(({ score }) => score > seq)) faults.push("a change has a number beyond the last one");
  for (const id of Object.keys(rows)) if (!changed.has(id)) faults.push(`${id} is not among the changes`);
  if (changed.size !== Object.keys(rows).length) faults.push("there are changes of jobs that do not exist");
  const all: string[] = [];
  for await (const found of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1_000 })) all.push(...found);
  for (const key of all.filter((one) => one.includes(`{jobs:${namespace}}`))) {
    const name = key.slice(key.indexOf("}:") + 2);
    if (/^(?:facet|term|due|shelf):/.test(name)) {
      const found = await client.zRangeWithScores(key, 0, -1);
      const wanted = expected.get(key) ?? new Map<string, number>();
      const same =
        found.length === wanted.size && found.every(({ value, score }) => wanted.get(value) === score);
      if (!same) faults.push(`${name} does not have the jobs that it should`);
      expected.delete(key);
    } else if (name.startsWith("data.")) {
      const found = await client.hKeys(key);
      const wanted = data.get(key) ?? new Set<string>();
      if (found.length !== wanted.size || found.some((id) => !wanted.has(id)))
        faults.push(`${name} does not have the jobs that it should`);
      data.delete(key);
    }
  }
  for (const key of [...expected.keys(), ...data.keys()]) faults.push(`${key} is missing`);
  client.destroy();
  return faults;
}
