/** What is wrong with this Node, where it is older than `engines.node` asks for, such as `>=22.18`. */
export function tooOld(version: string, engines: string): string | undefined {
  const [major = 0, minor = 0] = numbers(version);
  const [leastMajor = 0, leastMinor = 0] = numbers(engines);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return undefined;
  return `This is Node ${version}, and ${leastMajor}.${leastMinor} or later is needed.`;
}

function numbers(version: string): number[] {
  return (version.match(/\d+/g) ?? []).map(Number);
}
