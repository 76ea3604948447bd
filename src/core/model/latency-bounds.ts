/**
 * Upper bounds, in milliseconds, of the latency histogram that the `local` driver's edge counts in; `+Inf` comes on
 * top. A gate on slow requests must name one of them, as counters tell nothing of what lies between.
 */
export const localLatencyBoundsMs: readonly number[] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500];
