/** The points of one contender. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 760;
const HEIGHT = 380;
const LEFT = 70;
const RIGHT = 230;
const TOP = 64;
const BOTTOM = 50;
const COLOURS = ["#0b6e4f", "#c1440e", "#3a5ba0", "#8a6d1f"];

/** Draws an SVG with a logarithmic x axis. Each series is named at its end. */
export function plot(title: string, xName: string, yName: string, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([x]) => x))].toSorted((one, other) => one - other);
  const [least = 1, most = 1] = [xs[0], xs.at(-1)];
  const top = roundUp(Math.max(...all.map(([, y]) => y)));
  const xOf = (x: number): number =>
    LEFT + (Math.log(x / least) / Math.log(most / least)) * (WIDTH - LEFT - RIGHT);
  const yOf = (y: number): number => HEIGHT - BOTTOM - (y / top) * (HEIGHT - TOP - BOTTOM);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = yOf(part * top);
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" stroke="#ddd"/>${text(LEFT - 8, y + 4, (part * top).toLocaleString("en"), "end")}`;
  });
  const ticks = xs.map((x) => text(xOf(x), HEIGHT - BOTTOM + 18, String(x), "middle"));
  const ends = spread(series.map(({ points }) => yOf(points.at(-1)?.[1] ?? 0)));
  const drawn = series.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const path = points.map(([x, y]) => `${xOf(x).toFixed(1)},${yOf(y).toFixed(1)}`);
    const dots = path.map(
      (at) => `<circle cx="${at.split(",")[0]}" cy="${at.split(",")[1]}" r="3" fill="${colour}"/>`,
    );
    const label = text(WIDTH - RIGHT + 10, (ends[index] ?? 0) + 4, name, "start", colour);
    return `<polyline points="${path.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join("")}${label}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="22" font-size="14" font-weight="bold">${title}</text>`,
    ...grid,
    ...ticks,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, xName, "middle"),
    text(LEFT, TOP - 16, yName, "start"),
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, content: string, anchor: string, fill: string = "#333"): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
}

/** Rounds up to a number whose quarters are round numbers too. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1.2, 1.6, 2, 3, 4, 6, 8].find((factor) => factor * power >= value) ?? 10) * power;
}

/** Moves labels apart that would overlap. */
function spread(wanted: readonly number[]): number[] {
  const places = [...wanted];
  const order = wanted
    .map((_, index) => index)
    .toSorted((one, other) => (wanted[one] ?? 0) - (wanted[other] ?? 0));
  for (const [at, index] of order.entries()) {
    const above = places[order[at - 1] ?? -1];
    if (above !== undefined) places[index] = Math.max(places[index] ?? 0, above + 15);
  }
  return places;
}
