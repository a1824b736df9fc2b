/** The most messages of one state that are counted, so that a count neither takes long nor holds back the vacuum. */
export const COUNT_LIMIT = 100_001;

/** The function that counts. A count of {@link COUNT_LIMIT} means "at least". */
export const statsFunction = (schema: string): string => `
CREATE FUNCTION ${schema}.stats(p_queue text, OUT ready bigint, OUT in_flight bigint, OUT delayed bigint)
LANGUAGE plpgsql SET jit = off AS $$
DECLARE
  q ${schema}.queue;
  at timestamptz := clock_timestamp();
  most constant int := ${COUNT_LIMIT};
  lane_messages bigint;
  lane_held bigint;
  lane_delayed bigint;
BEGIN
  SELECT * INTO q FROM ${schema}.queue WHERE name = p_queue;
  SELECT count(*) INTO ready FROM (
    SELECT 1 FROM generate_series(0, 3) AS level(priority) CROSS JOIN LATERAL (
      SELECT 1 FROM ${schema}.message m
      WHERE m.queue = q.id AND m.priority = level.priority AND m.lane IS NULL AND m.visible_at <= at LIMIT most
    ) found LIMIT most
  ) counted;
  SELECT count(*) FILTER (WHERE counted.held), count(*) FILTER (WHERE NOT counted.held) INTO in_flight, delayed FROM (
    SELECT found.held FROM generate_series(0, 3) AS level(priority) CROSS JOIN LATERAL (
      SELECT m.held FROM ${schema}.message m
      WHERE m.queue = q.id AND m.priority = level.priority AND m.lane IS NULL AND m.visible_at > at
      ORDER BY m.visible_at, m.id LIMIT most
    ) found LIMIT most
  ) counted;
  IF q.ordered THEN
    SELECT count(*), count(*) FILTER (WHERE counted.is_held), count(*) FILTER (WHERE counted.is_delayed)
    INTO lane_messages, lane_held, lane_delayed FROM (
      SELECT l.ready_at > at AND m.hand = l.epoch AS is_held, m.visible_at > at AS is_delayed
      FROM ${schema}.lane l JOIN ${schema}.message m ON m.lane = l.id WHERE l.queue = q.id LIMIT most
    ) counted;
    ready := ready + lane_messages - lane_held - lane_delayed;
    in_flight := in_flight + lane_held;
    delayed := delayed + lane_delayed;
  END IF;
END $$;
`;
