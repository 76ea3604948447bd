import { startBelay } from './belay-server.ts';
import { readConfig } from './config.ts';
import { StartRefused } from './start-refused.ts';

/**
 * The server as a process: configured by BELAY_… variables, ended by SIGTERM or SIGINT after what is in hand. A
 * parent with an IPC channel is told when it is ready, and with BELAY_FOLLOW_PARENT the server ends when that parent
 * does; anybody else reads it on stdout, with the first token.
 */
const server = await startBelay(readConfig(process.env)).catch((error: unknown) => {
  if (!(error instanceof StartRefused)) throw error;
  process.stderr.write(`belay: the server did not start: ${error.message}\n`);
  process.exit(1);
});
let stopping: Promise<void> | undefined;
const stop = (): void => {
  stopping ??= server.stop().then(() => {
    process.exitCode = 0;
    if (process.connected) process.disconnect();
  });
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
if (process.send === undefined) {
  process.stdout.write(`belay is up at ${server.url}; its log's key is ${server.verifierKey}\n`);
  if (server.bootstrapToken !== null)
    process.stdout.write(`The first admin token, shown this once: ${server.bootstrapToken}\n`);
} else {
  process.send({ url: server.url, token: server.bootstrapToken, verifierKey: server.verifierKey });
  if (process.env['BELAY_FOLLOW_PARENT'] === 'true') process.on('disconnect', stop);
}
