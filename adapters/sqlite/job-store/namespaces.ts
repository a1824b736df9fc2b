import type { Statements } from "./statements.ts";

/** The number of a namespace, and the fingerprint that names the queues to which it belongs. */
export interface Namespace {
  readonly ns: number;
  readonly fingerprint: string;
}

/** The namespace of this name. The first caller creates it. Called within a transaction. */
export function namespaceOf(statements: Statements, name: string, fingerprint: string): Namespace {
  const found = statements.of("SELECT ns, fingerprint FROM queueport_namespaces WHERE name = ?").get(name);
  if (found !== undefined) return { ns: Number(found["ns"]), fingerprint: String(found["fingerprint"]) };
  const { lastInsertRowid } = statements
    .of("INSERT INTO queueport_namespaces (name, fingerprint) VALUES (?, ?)")
    .run(name, fingerprint);
  return { ns: Number(lastInsertRowid), fingerprint };
}
