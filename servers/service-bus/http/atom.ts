import type { Queue } from "../broker/namespace.ts";
import { Refusal } from "../broker/refusal.ts";
import { type QueueSettings, settingsOf } from "../options.ts";
import { readDuration, writeDuration } from "./durations.ts";

const ATOM = "http://www.w3.org/2005/Atom";
const SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
const COUNTS = "http://schemas.microsoft.com/netservices/2011/06/servicebus";
const DEFAULT_WINDOW_MS = 600_000;
const SECOND = 1_000;
const DAY = 86_400_000;

/** A queue as an entry of the Atom feed. The client takes its name from the path of `id`. */
export function entryOf({ entity, createdAt, updatedAt }: Queue, origin: string): string {
  const { settings, contents, deadLetters } = entity;
  const { active, scheduled, bytes } = contents.counts;
  const dead = deadLetters?.contents.counts.active ?? 0;
  const window = settings.duplicateDetectionWindowMs;
  const description = elements({
    LockDuration: writeDuration(settings.lockDurationMs),
    MaxSizeInMegabytes: settings.maxSizeMegabytes,
    RequiresDuplicateDetection: window > 0,
    RequiresSession: settings.requiresSession,
    DefaultMessageTimeToLive: writeDuration(settings.timeToLiveMs),
    DeadLetteringOnMessageExpiration: settings.deadLetterOnExpiration,
    DuplicateDetectionHistoryTimeWindow: writeDuration(window > 0 ? window : DEFAULT_WINDOW_MS),
    MaxDeliveryCount: settings.maxDeliveryCount,
    EnableBatchedOperations: true,
    SizeInBytes: bytes,
    MessageCount: active + scheduled + dead,
    Status: "Active",
    CreatedAt: createdAt.toISOString(),
    UpdatedAt: updatedAt.toISOString(),
    AccessedAt: new Date().toISOString(),
    EnablePartitioning: false,
    EnableExpress: false,
  });
  const details = elements(
    {
      ActiveMessageCount: active,
      DeadLetterMessageCount: dead,
      ScheduledMessageCount: scheduled,
      TransferMessageCount: 0,
      TransferDeadLetterMessageCount: 0,
    },
    "d2p1:",
  );
  const name = escaped(settings.name);
  const id = `${origin}/${settings.name.split("/").map(encodeURIComponent).join("/")}?api-version=2021-05`;
  return (
    `<entry xmlns="${ATOM}"><id>${escaped(id)}</id><title type="text">${name}</title>` +
    `<updated>${updatedAt.toISOString()}</updated><content type="application/xml">` +
    `<QueueDescription xmlns="${SERVICE_BUS}">${description}` +
    `<CountDetails xmlns:d2p1="${COUNTS}">${details}</CountDetails></QueueDescription></content></entry>`
  );
}

export function feedOf(entries: readonly string[], origin: string): string {
  return `<feed xmlns="${ATOM}"><title type="text">Queues</title><id>${origin}/$Resources/Queues</id>${entries.join("")}</feed>`;
}

export function errorOf(code: number, detail: string): string {
  return `<Error><Code>${code}</Code><Detail>${escaped(detail)}</Detail></Error>`;
}

/** What a client asks of a queue, within what the service takes. @throws Refusal */
export function readQueue(name: string, xml: string): QueueSettings {
  const text = (tag: string): string | undefined => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1];
  const duration = (tag: string, least: number, most: number): number | undefined => {
    const given = text(tag);
    if (given === undefined) return undefined;
    const ms = readDuration(given);
    if (ms === undefined || ms < least || ms > most)
      throw new Refusal(
        "amqp:invalid-field",
        `${tag}: ${given} is not from ${least / 1_000} to ${most / 1_000} s.`,
      );
    return ms;
  };
  const window = duration("DuplicateDetectionHistoryTimeWindow", 20 * SECOND, 7 * DAY) ?? DEFAULT_WINDOW_MS;
  return settingsOf({
    name,
    requiresSession: text("RequiresSession") === "true",
    lockDurationMs: duration("LockDuration", 5 * SECOND, 300 * SECOND),
    maxDeliveryCount: Number(text("MaxDeliveryCount") ?? 10),
    duplicateDetectionWindowMs: text("RequiresDuplicateDetection") === "true" ? window : 0,
    timeToLiveMs: duration("DefaultMessageTimeToLive", SECOND, Number.POSITIVE_INFINITY),
    deadLetterOnExpiration: text("DeadLetteringOnMessageExpiration") === "true",
    maxSizeMegabytes: Number(text("MaxSizeInMegabytes") ?? 1_024),
  });
}

function elements(values: Readonly<Record<string, string | number | boolean>>, prefix = ""): string {
  return Object.entries(values)
    .map(([name, value]) => `<${prefix}${name}>${escaped(String(value))}</${prefix}${name}>`)
    .join("");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
