import { DefaultAzureCredential } from "@azure/identity";
import type { TokenCredential } from "@azure/service-bus";

/** What Azure's library finds: environment, workload identity, managed identity, a signed-in developer. */
export function azureCredential(): TokenCredential {
  return new DefaultAzureCredential();
}
