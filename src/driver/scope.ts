/**
 * Returns the `scope` of a driver: the provider, the place of its queues, and the prefix of their names.
 *
 * @param places an account, a region, a namespace or the URL of an endpoint, the largest first; undefined if it is not known.
 * Only the host of a URL is used, since it may have a password.
 *
 * @example
 * driverScope("sqs", ["eu-west-1"], "prod-"); // "sqs:eu-west-1:prod-"
 */
export function driverScope(
  provider: string,
  places: readonly (string | undefined)[],
  prefix: string = "",
): string {
  const parts = [
    provider,
    places.flatMap((place) => (place === undefined ? [] : hostOf(place))).join("/"),
    prefix,
  ];
  while (parts.at(-1) === "") parts.pop();
  return parts.join(":");
}

function hostOf(place: string): string {
  return place.includes("://") && URL.canParse(place) ? new URL(place).host : place;
}
