import { readFileSync, writeFileSync } from "node:fs";
import { providers } from "../adapters/registry.ts";
import type { Capabilities } from "../src/conformance/index.ts";

/**
 * The README's table of providers. It is made from docs/capabilities.json, which holds what runs of the conformance
 * suite have shown, and from the provider registry. `npm run capabilities` writes it; a test fails if the two differ.
 */
const START = "<!-- capabilities -->";
const END = "<!-- /capabilities -->";

/** The rows in their order: the first cell of each, by the name of its conformance harness. */
const LABELS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(providers).flatMap(([name, { label, page }]) => [
      [name, `[${label}](${page})`],
      [`${name}-second`, `${label}, on another server`],
    ]),
  ),
  ...Object.fromEntries(
    Object.keys(providers).map((name) => [`memory-${name}`, `memory, \`emulate: "${name}"\``]),
  ),
  directory: "[a directory](docs/writing-an-adapter.md), an example",
};

/** Limits of the proof of order by key, by the name of the harness. */
const CAVEATS: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  Object.entries(providers).map(([name, { orderCaveat }]) => [name, orderCaveat]),
);

const HEAD = [
  "provider",
  "largest message",
  "native delay",
  "longer delays",
  "order by key",
  "deduplicates",
  "cancels a delayed send",
  "sends in your transaction",
  "dead letters",
  "conformance cases",
  "server",
];

type Value = string | number | boolean | undefined;

function duration(value: Value): string {
  if (value === "unlimited") return "any";
  const ms = Number(value ?? 0);
  if (ms === 0) return "no";
  const units = [
    ["days", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
  ] as const;
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  return `${ms / size} ${unit}`;
}

function bytes(value: Value): string {
  if (value === "unlimited") return "any";
  const count = Number(value);
  if (count % 1_048_576 === 0) return `${count / 1_048_576} MiB`;
  return count % 1_024 === 0 && count < 1_048_576 ? `${count / 1_024} KiB` : `${count / 1e6} MB`;
}

function row(
  adapter: string,
  { limits, traits, orderedTraits, passed, skipped, server }: Capabilities,
): string[] {
  const longer =
    traits["nativeDelayMs"] === "unlimited"
      ? ""
      : Number(limits["maxHopMs"]) === 0
        ? "refused"
        : "delay queue";
  const dedup = [traits, orderedTraits]
    .map((one) => one?.["dedupWindowMs"])
    .find((window) => window !== undefined && window !== 0);
  return [
    LABELS[adapter] ?? adapter,
    bytes(limits["maxMessageBytes"]),
    duration(traits["nativeDelayMs"]),
    longer,
    orderedTraits === undefined ? "no" : ["yes", CAVEATS[adapter]].filter(Boolean).join("; "),
    dedup === undefined ? "no" : `${duration(dedup)}${traits["dedupWindowMs"] === 0 ? ", if ordered" : ""}`,
    limits["cancel"] === true ? "yes" : "no",
    limits["transactional"] === true ? "yes" : "no",
    traits["deadLetter"] === "native" ? "native" : "a second queue",
    `${passed} passed, ${Object.keys(skipped).length} do not apply`,
    server,
  ];
}

/** Formats the table as Markdown, with its columns aligned as the formatter aligns them. */
export function capabilitiesTable(capabilities: Readonly<Record<string, Capabilities>>): string {
  const order = Object.keys(LABELS);
  const adapters = Object.entries(capabilities).toSorted(
    ([one], [other]) => order.indexOf(one) - order.indexOf(other),
  );
  const rows = [HEAD, ...adapters.map(([adapter, part]) => row(adapter, part))];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const lines = rows.map(
    (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** Replaces the table in the README. */
export function withTable(readme: string, capabilities: Readonly<Record<string, Capabilities>>): string {
  const [before = "", rest = ""] = readme.split(START);
  const after = rest.split(END)[1] ?? "";
  return `${before}${START}\n\n${capabilitiesTable(capabilities)}\n\n${END}${after}`;
}

if (import.meta.main) {
  const readme = new URL("../README.md", import.meta.url);
  const capabilities = JSON.parse(
    readFileSync(new URL("../docs/capabilities.json", import.meta.url), "utf8"),
  ) as Record<string, Capabilities>;
  writeFileSync(readme, withTable(readFileSync(readme, "utf8"), capabilities));
}
