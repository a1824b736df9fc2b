import type { Origin, ReceiveEvent, RequestEvent, SendEvent } from "../diagnostics.ts";
import type { Families } from "./families.ts";
import type { Cell } from "./family.ts";
import type { TypeLabels } from "./type-labels.ts";

/**
 * Counts sends. A send with an unknown outcome is not counted as queued, because its caller got an error and will probably
 * send again.
 */
export function recordSends(families: Families, labels: TypeLabels): (event: SendEvent) => void {
  const queues = new Map<string, Map<string, Cell>>();
  return ({ queue, type, outcome }) => {
    if (outcome !== "sent") {
      families.sendFailures.cell({ queue, outcome }).value += 1;
      return;
    }
    const types = inner(queues, queue);
    let queued = types.get(type);
    if (queued === undefined) {
      const label = labels.grant(type);
      queued = types.get(label) ?? families.queued.cell({ type: label, queue });
      types.set(label, queued);
    }
    queued.value += 1;
  };
}

/** Counts requests to providers. */
export function recordRequests(families: Families): (event: RequestEvent) => void {
  const providers = new Map<string, Map<string, Map<string, Cell>>>();
  return ({ provider, operation, outcome }) => {
    const outcomes = inner(inner(providers, provider), operation);
    let requests = outcomes.get(outcome);
    if (requests === undefined) {
      requests = families.requests.cell({ provider, operation, outcome });
      outcomes.set(outcome, requests);
    }
    requests.value += 1;
  };
}

/** Counts the events of receivers that are not about one job. Failed polls are counted as requests already. */
export function recordReceivers(families: Families): (event: ReceiveEvent & Origin) => void {
  const polls = new Map<string, Cell>();
  return (event) => {
    const { queue } = event;
    switch (event.event) {
      case "polled": {
        let lastPoll = polls.get(queue);
        if (lastPoll === undefined) {
          lastPoll = families.lastPoll.cell({ queue });
          polls.set(queue, lastPoll);
          // Created at 0 on the first poll, so that Prometheus sees the first lost lease as an increase.
          families.leasesLost.cell({ queue });
        }
        lastPoll.value = event.at / 1_000;
        break;
      }
      case "lease_lost":
        families.leasesLost.cell({ queue }).value += 1;
        break;
      case "settle_failed":
        families.settleFailures.cell({ queue, kind: event.kind }).value += 1;
        break;
      case "ignored":
      case "poll_failed":
      case "skipped":
      case "warning":
        break;
    }
  };
}

function inner<Value>(map: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let value = map.get(key);
  if (value === undefined) {
    value = new Map();
    map.set(key, value);
  }
  return value;
}
