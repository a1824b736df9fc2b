/** The columns that are read for a row. */
const JOB_COLUMNS = "j.job, j.id, j.facet, j.created_at, j.seq, j.finished_at, j.parts, j.row";

/** The statements that read rows. */
export const READ: Readonly<Record<"byId" | "byNumber" | "since", string>> = {
  byId: `SELECT ${JOB_COLUMNS} FROM queueport_jobs j WHERE ns = ? AND id = ?`,
  byNumber: `SELECT ${JOB_COLUMNS} FROM queueport_jobs j WHERE job = ?`,
  since: `SELECT ${JOB_COLUMNS} FROM queueport_jobs j WHERE ns = ? AND seq > ? ORDER BY seq LIMIT ?`,
};
