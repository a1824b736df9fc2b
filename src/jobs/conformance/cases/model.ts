import { group, type JobStoreCase } from "../case.ts";

export const modelCases: readonly JobStoreCase[] = group("model", []);
