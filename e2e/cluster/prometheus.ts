import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { inside } from './boundary.ts';
import type { Processes } from './processes.ts';
import { ports, type Settings } from './settings.ts';

/** The gateway's counters, and those of pods that ask to be scraped by the usual annotations. */
function configuration(): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        job_name: 'envoy',
        metrics_path: '/stats/prometheus',
        static_configs: [{ targets: [`127.0.0.1:${ports.envoyStats}`] }],
      },
      {
        job_name: 'pods',
        http_sd_configs: [{ url: `http://127.0.0.1:${ports.podTargets}/`, refresh_interval: '2s' }],
      },
    ],
  };
}

/** Starts Prometheus with a scrape each second. Returns its URL. */
export async function startPrometheus(settings: Settings, processes: Processes): Promise<string> {
  const address = `${settings.nodeAddress}:${ports.prometheus}`;
  await writeFile(join(settings.state, 'prometheus.yaml'), stringify(configuration()));
  await processes.start('pod-targets', [
    `${inside.go}/pod-targets`,
    `127.0.0.1:${ports.podTargets}`,
    `${inside.state}/kubeconfig`,
  ]);
  await processes.start('prometheus', [
    '/usr/bin/prometheus',
    `--config.file=${inside.state}/prometheus.yaml`,
    '--storage.tsdb.path=/var/lib/prometheus',
    `--web.listen-address=${address}`,
    '--web.enable-lifecycle',
    '--log.level=warn',
  ]);
  await processes.untilAnswers('prometheus', `http://${address}/-/ready`);
  return `http://${address}`;
}
