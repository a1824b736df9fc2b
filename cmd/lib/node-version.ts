/** An error sentence if `version` is older than `engines`, which has the form `>=22.18`; otherwise undefined. */
export function tooOld(version: string, engines: string): string | undefined {
  const [major = 0, minor = 0] = numbers(version);
  const [leastMajor = 0, leastMinor = 0] = numbers(engines);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return `queueport needs Node ${leastMajor}.${leastMinor} or later; this is Node ${version}. Upgrade Node.`;
}

function numbers(version: string): number[] {
  return (version.match(/\d+/g) ?? []).map(Number);
}
