import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Import, importsOf } from "./imports.ts";

/**
 * Measures how the folders of `src/` depend on each other, imports of types included: `npm run layout`.
 *
 * A room is a folder directly in `src/`, or a loose file of `src/`. The floor of a room is the length of the longest
 * chain of imports that begins there; the rooms of one cycle count as one. An arrow back is an arrow between two rooms
 * of one cycle.
 */
export interface Layout {
  readonly rooms: readonly string[];
  /** The floor of the highest room. */
  readonly floors: number;
  readonly arrowsBack: readonly Arrow[];
}

/** All imports that lead from one room to another. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly imports: readonly Import[];
}

/** Measures the layout of `files` of `src/`, given their imports. */
export function layoutOf(files: readonly string[], imports: readonly Import[]): Layout {
  const rooms = [...new Set(files.map(roomOf))].toSorted();
  const arrows = arrowsOf(imports);
  const below = new Map(rooms.map((room) => [room, reachableFrom(room, arrows)]));
  const inOneCycle = (one: string, other: string): boolean =>
    one === other || (below.get(one)?.has(other) === true && below.get(other)?.has(one) === true);
  const floors = new Map<string, number>();
  const floorOf = (room: string): number => {
    const known = floors.get(room);
    if (known !== undefined) return known;
    const cycle = rooms.filter((other) => inOneCycle(room, other));
    const lower = arrows.filter(({ from, to }) => cycle.includes(from) && !cycle.includes(to));
    const floor = 1 + Math.max(0, ...lower.map(({ to }) => floorOf(to)));
    for (const one of cycle) floors.set(one, floor);
    return floor;
  };
  return {
    rooms,
    floors: Math.max(0, ...rooms.map(floorOf)),
    arrowsBack: arrows.filter(({ from, to }) => inOneCycle(from, to)),
  };
}

/**
 * `src/send/sender.ts` → `send`; `src/errors.ts` → `errors.ts`. The suite for job stores is a room of its own: it knows the
 * suite for drivers, and the jobs do not know it.
 */
export function roomOf(file: string): string {
  if (file.startsWith("src/jobs/conformance/")) return "jobs/conformance";
  return file.split("/")[1] ?? file;
}

function arrowsOf(imports: readonly Import[]): Arrow[] {
  const inSrc = imports.filter(({ from, to }) => from.startsWith("src/") && to.startsWith("src/"));
  const between = inSrc.filter(({ from, to }) => roomOf(from) !== roomOf(to));
  const grouped = Map.groupBy(between, ({ from, to }) => `${roomOf(from)} ${roomOf(to)}`);
  return Array.from(grouped, ([key, group]) => {
    const [from = "", to = ""] = key.split(" ");
    return { from, to, imports: group };
  });
}

function reachableFrom(room: string, arrows: readonly Arrow[]): Set<string> {
  const reached = new Set<string>();
  const open = [room];
  for (const current of open) {
    for (const { from, to } of arrows) {
      if (from !== current || reached.has(to)) continue;
      reached.add(to);
      open.push(to);
    }
  }
  return reached;
}

function describe({ rooms, floors, arrowsBack }: Layout): string {
  const count = arrowsBack.reduce((sum, { imports }) => sum + imports.length, 0);
  const lines = arrowsBack.flatMap(({ from, to, imports }) => [
    `\n${from} → ${to}`,
    ...imports.map((one) => `  ${one.from} → ${one.to}${one.typeOnly ? " (type)" : ""}`),
  ]);
  return [
    `rooms       ${rooms.length}`,
    `floors      ${floors}`,
    `arrows back ${arrowsBack.length} (${count} imports)`,
    ...lines,
    "",
  ].join("\n");
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const files = globSync("src/**/*.ts", { cwd: root });
  process.stdout.write(describe(layoutOf(files, importsOf("src"))));
}
