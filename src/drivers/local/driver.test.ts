import { environmentContract } from '../contract.ts';
import { makeEnvironment, slot } from './testing/environment.ts';

environmentContract('local', async () => {
  const environment = await makeEnvironment();
  return {
    driver: environment.driver,
    slot,
    releases: {
      stable: (generation, replicas) => environment.spec('tiny-v1', generation, { replicas }),
      canary: (generation, replicas) => environment.spec('tiny-v2', generation, { replicas }),
    },
    until: (predicate) => environment.until(predicate),
    sendRequests: async (count) => {
      for (let sent = 0; sent < count; sent += 1) await environment.request('/');
    },
    close: () => environment.close(),
  };
});
