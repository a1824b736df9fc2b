/** The options of {@link jobsOnRedis}. */
interface RedisBlockOptions {
  /** @default "localhost:6379" */
  readonly addr?: string;
  readonly password?: string;
}

/** The job system and its queues as seed 002 configures them, in YAML. */
export function jobsOnRedis({ addr = "localhost:6379", password = "" }: RedisBlockOptions = {}): string {
  return `
jobs:
  enabled: true
  redis:
    addr: "${addr}"
    password: "${password}"
    db: 0
  worker_pool:
    worker_count: 5
    max_retries: 3
    retry_delay: "5s"
  scheduler:
    enabled: true
    cleanup_interval: "1m"
  metrics:
    enabled: true
    collection_interval: "30s"
queues:
  default:
    priority_levels: ["low", "normal", "high", "critical"]
    max_jobs: 1000
  email:
    priority_levels: ["normal", "high"]
    max_jobs: 5000
  file_processing:
    priority_levels: ["low", "normal"]
    max_jobs: 100
  cleanup:
    priority_levels: ["low"]
    max_jobs: 50
`;
}

/** The same configuration after what its refusal says was done: no levels but `normal`. */
export function asSupported(yaml: string): string {
  return yaml.replaceAll(/priority_levels: .*/g, 'priority_levels: ["normal"]');
}

/** The same configuration with records in memory. */
export function inMemory(yaml: string): string {
  return yaml.replace(/ {2}redis:\n(?: {4}.*\n)+/, "  store: { memory: true }\n");
}
