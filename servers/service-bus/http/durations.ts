const UNITS = [86_400_000, 3_600_000, 60_000, 1_000] as const;
/** The longest TimeSpan of .NET, which the service takes for no limit. */
const FOR_EVER = "P10675199DT2H48M5.4775807S";
const FOR_EVER_MS = 9.22e14;

/** An ISO 8601 duration of days, hours, minutes and seconds in milliseconds; undefined where it is none. */
export function readDuration(text: string): number | undefined {
  const match = /^P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/.exec(text);
  if (match === null) return undefined;
  const ms = UNITS.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
  return ms >= FOR_EVER_MS ? Number.POSITIVE_INFINITY : ms;
}

export function writeDuration(ms: number): string {
  return ms === Number.POSITIVE_INFINITY ? FOR_EVER : `PT${ms / 1_000}S`;
}
