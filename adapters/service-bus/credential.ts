import { DefaultAzureCredential } from "@azure/identity";
import type { TokenCredential } from "@azure/service-bus";

/** The credential that Azure's library finds: environment, workload identity, managed identity, signed-in developer. */
export function azureCredential(): TokenCredential {
  return new DefaultAzureCredential();
}
