/** Counts of the service itself, in the Prometheus text exposition format 0.0.4. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  #seconds = 0;

  count(route: string, status: number, seconds: number): void {
    const labels = `route="${route}",code="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    this.#seconds += seconds;
  }

  render(openConnections: number): string {
    return [
      '# HELP shop_requests_total Requests answered.',
      '# TYPE shop_requests_total counter',
      ...[...this.#requests].map(([labels, count]) => `shop_requests_total{${labels}} ${count}`),
      '# HELP shop_request_seconds_total Time spent on them.',
      '# TYPE shop_request_seconds_total counter',
      `shop_request_seconds_total ${this.#seconds}`,
      '# HELP shop_database_connections Open connections of the pool.',
      '# TYPE shop_database_connections gauge',
      `shop_database_connections ${openConnections}`,
      '',
    ].join('\n');
  }
}
